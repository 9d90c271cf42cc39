/* sqlite_tree.h — writes one B-tree of a SQLite database, bottom-up.
 *
 * Shape    Pages of 4096 bytes: a header, pointers to the cells, a gap, and the cells, which fill
 *          the page from its end. Table: rows in leaves, sorted by rowid; an inner cell is (child,
 *          its largest rowid). Index: entries in leaves and inner pages; an inner cell is (child,
 *          the entry between this child and the next). Every page has cells, except the root of an
 *          empty tree. The pages of a tree are consecutive. The page at 1 GiB, which SQLite locks,
 *          is not used.
 * Order    sqlite_tree_start; all rows or entries, sorted; sqlite_tree_end. The same writer can
 *          write several trees, one after the other.
 * Measure  To find out where a tree will end, it can be measured: it is given the same rows or
 *          entries, forms the same pages, and writes nothing. That is many times faster.
 * Limits   No row or entry may need overflow pages: a row may have SQLITE_TREE_ROW_MAX bytes in
 *          total, an entry SQLITE_TREE_ENTRY_MAX.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), frozen since 2004.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/database/sqlite_record.h"

/* SQLite's own limits are 4096 - 35, and (4096 - 12) * 64 / 255 - 23. */
enum { SQLITE_TREE_ROW_MAX = 3900, SQLITE_TREE_ENTRY_MAX = 1002 };

enum { SQLITE_PAGE_BYTES = 4096, SQLITE_LOCK_PAGE = (1 << 30) / SQLITE_PAGE_BYTES + 1 };

struct sqlite_tree;

struct sqlite_tree *sqlite_tree_new(struct arena *arena);

/* Starts a tree, for a table or an index, at page `first_page` of the file. If `fd` is -1, the tree
 * is only measured. */
void sqlite_tree_start(struct sqlite_tree *tree, bool is_table, int fd, uint32_t first_page);

/* Adds a row. Rowids must ascend. */
void sqlite_tree_row(struct sqlite_tree *tree, int64_t rowid, const struct sqlite_value *values,
                     size_t count);

/* Adds an entry, whose last value is the rowid. Entries must ascend. */
void sqlite_tree_entry(struct sqlite_tree *tree, const struct sqlite_value *values, size_t count);

/* Adds a row or an entry that has only numbers. `rowid` is ignored for an entry. */
void sqlite_tree_numbers(struct sqlite_tree *tree, int64_t rowid, const int64_t *numbers,
                         size_t count);

/* Where a tree was written. */
struct sqlite_tree_place {
    uint32_t root;
    uint32_t next_page; /* the page after the tree */
};

/* Ends a tree. Fails if any write has failed. Does not sync the file. */
must_check bool sqlite_tree_end(struct sqlite_tree *tree, struct sqlite_tree_place *ret_place,
                                struct error *error);
