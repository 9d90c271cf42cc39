/* sqlite_file.h — a SQLite database written as a file, bottom-up, without SQLite.
 *
 * Where all rows of a new database are there at once and in order, its B-trees can be written from
 * the leaves up, each page once and full, in one pass: many times faster than inserting.
 *
 * Shape    SQLite format 3, pages of 4096 bytes, UTF-8, schema format 4, no auto-vacuum, marked for
 *          WAL as Nix keeps it. Page 1 holds the header and the schema; it is written last. The page
 *          at 1 GiB, which SQLite locks, is never used.
 *          Table: rows in leaves, ascending by rowid; an inner cell is (child, its largest rowid).
 *          Index: entries in leaves and inner pages; an inner cell is (child, the entry between this
 *          child and the next). No page is without cells, but the root of an empty tree.
 * Order    start; then for each tree: table or index, its rows or entries ascending, end; then the
 *          schema, in one page; finish.
 * Limits   No row or entry may need overflow pages: a row has at most SQLITE_FILE_ROW_MAX bytes in
 *          all, an entry SQLITE_FILE_ENTRY_MAX.
 * Errors   The first failure is kept, and told by finish.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), frozen since 2004.
 */
#pragma once

#include "schema/base/arena.h"

/* SQLite's own limits are 4096 - 35, and (4096 - 12) * 64 / 255 - 23. */
enum { SQLITE_FILE_ROW_MAX = 3900, SQLITE_FILE_ENTRY_MAX = 1002 };

/* A column's value. */
struct sqlite_value {
    enum { SQLITE_VALUE_NULL, SQLITE_VALUE_NUMBER, SQLITE_VALUE_TEXT } kind;
    int64_t number;
    struct str text;
};

struct sqlite_value sqlite_number(int64_t number);
struct sqlite_value sqlite_text(struct str text);

struct sqlite_file;

/* Starts on an empty file, open for writing. */
struct sqlite_file *sqlite_file_start(int fd, struct arena *arena, struct error *error);

/* Starts a table or an index. */
void sqlite_file_table(struct sqlite_file *file);
void sqlite_file_index(struct sqlite_file *file);

/* Adds a row; rowids ascend. */
void sqlite_file_row(struct sqlite_file *file, int64_t rowid, const struct sqlite_value *values,
                     size_t count);

/* Adds an entry; the last value of one is the row's id. Entries ascend. */
void sqlite_file_entry(struct sqlite_file *file, const struct sqlite_value *values, size_t count);

/* The same for a row or an entry of numbers alone; an entry has no rowid. */
void sqlite_file_numbers(struct sqlite_file *file, int64_t rowid, const int64_t *numbers,
                         size_t count);

/* Ends the tree and returns its root page. */
uint32_t sqlite_file_end(struct sqlite_file *file);

/* Adds a row of sqlite_schema; a null `sql` is for an index that a key makes. */
void sqlite_file_schema(struct sqlite_file *file, struct str type, struct str name,
                        struct str table, uint32_t root, struct str sql);

/* Writes the header. The file is not synced. */
must_check bool sqlite_file_finish(struct sqlite_file *file);
