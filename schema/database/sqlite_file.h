/* sqlite_file.h — a SQLite database written as a file, bottom-up, without SQLite.
 *
 * Where all rows of a new database are there at once and in order, its B-trees can be written from
 * the leaves up, each page once and full, in one pass: many times faster than inserting.
 *
 * Shape    SQLite format 3, pages of 4096 bytes, UTF-8, schema format 4, no auto-vacuum, marked for
 *          WAL as Nix keeps it. Page 1 holds the header and the schema; it is written last. The
 *          trees (sqlite_tree.h) follow one behind the other, in the order in which they are listed.
 * Order    start; the trees; the schema, in one page; finish.
 * Threads  With several, all trees but the last are measured first, to know where each begins, and
 *          then written at the same time. The bytes are the same for any number.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), frozen since 2004.
 */
#pragma once

#include "schema/database/sqlite_tree.h"

/* A tree: what is in it. */
struct sqlite_content {
    bool is_table;
    /* Adds all rows or entries; called again where the tree is measured first. */
    void (*fill)(const void *context, struct sqlite_tree *tree);
    /* Is called once, before, and makes ready what `fill` needs; or null, as for the last tree. */
    void (*prepare)(const void *context);
};

struct sqlite_contents {
    const struct sqlite_content *trees;
    size_t count;        /* at most SQLITE_TREES_MAX */
    const void *context; /* for the trees' functions */
};

enum { SQLITE_TREES_MAX = 16 };

struct sqlite_file;

/* Starts on an empty file, open for writing. */
struct sqlite_file *sqlite_file_start(int fd, struct arena *arena);

/* Writes the trees with up to `jobs` threads. ret_roots[i] is the root page of tree i. */
must_check bool sqlite_file_trees(struct sqlite_file *file, const struct sqlite_contents *contents,
                                  unsigned jobs, uint32_t *ret_roots, struct error *error);

/* Adds a row of sqlite_schema; a null `sql` is for an index that a key makes. */
void sqlite_file_schema(struct sqlite_file *file, struct str type, struct str name,
                        struct str table, uint32_t root, struct str sql);

/* Writes the header. The file is not synced. */
must_check bool sqlite_file_finish(struct sqlite_file *file, struct error *error);
