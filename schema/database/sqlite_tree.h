/* sqlite_tree.h — one B-tree of a SQLite database, written bottom-up.
 *
 * Shape    Pages of 4096 bytes: a header, pointers to the cells, a gap, the cells, from the end on.
 *          Table: rows in leaves, ascending by rowid; an inner cell is (child, its largest rowid).
 *          Index: entries in leaves and inner pages; an inner cell is (child, the entry between this
 *          child and the next). No page is without cells, but the root of an empty tree.
 *          A tree's pages follow each other. The page at 1 GiB, which SQLite locks, is never used.
 * Order    start; all rows or entries, ascending; end. The same writer serves one tree after the
 *          other.
 * Measure  Where a tree ends is known before it is written: a measured one takes the same rows or
 *          entries, makes the same pages of them, and writes none. That is many times faster.
 * Limits   No row or entry may need overflow pages: a row has at most SQLITE_TREE_ROW_MAX bytes in
 *          all, an entry SQLITE_TREE_ENTRY_MAX.
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

/* Starts a tree, a table or an index, whose first page is the given one of the file; a measured one
 * where `fd` is -1. */
void sqlite_tree_start(struct sqlite_tree *tree, bool is_table, int fd, uint32_t first_page);

/* Adds a row; rowids ascend. */
void sqlite_tree_row(struct sqlite_tree *tree, int64_t rowid, const struct sqlite_value *values,
                     size_t count);

/* Adds an entry; the last value of one is the row's id. Entries ascend. */
void sqlite_tree_entry(struct sqlite_tree *tree, const struct sqlite_value *values, size_t count);

/* The same for a row or an entry of numbers alone; an entry has no rowid. */
void sqlite_tree_numbers(struct sqlite_tree *tree, int64_t rowid, const int64_t *numbers,
                         size_t count);

/* What became of a tree. */
struct sqlite_tree_place {
    uint32_t root;
    uint32_t next_page; /* the first one behind */
};

/* Ends it. The first failure to write is told here. The file is not synced. */
must_check bool sqlite_tree_end(struct sqlite_tree *tree, struct sqlite_tree_place *ret_place,
                                struct error *error);
