/* sqlite_file.h — a SQLite database written as a file, bottom-up, without SQLite.
 *
 * If all rows of a new database are known and sorted, its B-trees can be written in one pass from
 * the leaves up, each page once and full. This is many times faster than inserting the rows.
 *
 * Shape    SQLite format 3, pages of 4096 bytes, UTF-8, schema format 4, no auto-vacuum, journal
 *          mode WAL as in Nix. Page 1 has the header and the schema, and is written last. The trees
 *          (sqlite_tree.h) follow in the order in which they are listed.
 * Order    sqlite_file_start, sqlite_file_trees, sqlite_file_schema for each row of the schema,
 *          which must fit one page, sqlite_file_finish.
 * Threads  If there are several, all trees except the last are measured first, to find out where
 *          each begins, and then written in parallel. The bytes do not depend on the number of
 *          threads.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), frozen since 2004.
 */
#pragma once

#include "schema/database/sqlite_tree.h"

/* The content of a tree. */
struct sqlite_content {
    bool is_table;
    /* Adds all rows or entries. Called twice if the tree is measured first. */
    void (*fill)(const void *context, struct sqlite_tree *tree);
    /* Called once before `fill`, to prepare its data. May be null; must be null for the last
     * tree. */
    void (*prepare)(const void *context);
};

struct sqlite_contents {
    const struct sqlite_content *trees;
    size_t count;        /* at most SQLITE_TREES_MAX */
    const void *context; /* passed to `fill` and `prepare` */
};

enum { SQLITE_TREES_MAX = 16 };

/* A row of sqlite_schema. */
struct sqlite_object {
    struct str type, name, table;
    uint32_t root;  /* page; 0: it has none */
    struct str sql; /* null `data`: NULL, for the index of a key */
};

struct sqlite_file;

/* Starts a database in an empty file that is open for writing. */
struct sqlite_file *sqlite_file_start(int fd, struct arena *arena);

/* Writes the trees, with at most `jobs` threads. ret_roots[i] is the root page of tree i. */
must_check bool sqlite_file_trees(struct sqlite_file *file, const struct sqlite_contents *contents,
                                  unsigned jobs, uint32_t *ret_roots, struct error *error);

/* Adds a row of sqlite_schema. */
void sqlite_file_schema(struct sqlite_file *file, const struct sqlite_object *object);

/* Writes page 1. Does not sync the file. */
must_check bool sqlite_file_finish(struct sqlite_file *file, struct error *error);
