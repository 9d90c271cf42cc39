/* check_store.h — a Nix store in the kit's directory: the store is /nix/store, its state /state.
 *
 * The kit's directory is the root. The database is created and read with SQLite only, so that code
 * under test is not used to check itself.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"
#include "tests/check.h"

/* The digest of every store path in these tests. */
#define CHECK_DIGEST "0123456789abcdfghijklmnpqrsvwxyz"

/* Opens the store without creating any part of it. Close it with check_store_close, which is for
 * `cleanup`. */
struct store check_store(struct arena *arena);
void check_store_close(const struct store *store);

/* Returns the normalised list of paths with these base names. */
struct path_list check_list(const char *const *bases, size_t count, struct arena *arena);

/* Writes a file below the kit's directory; creates its parent directories. */
void check_file(const char *path, struct str content);

/* check_content returns the contents of a file below the kit's directory, or "(absent)".
 * check_names returns the names in a directory, sorted, each after a space. */
struct str check_content(const char *path, struct arena *arena);
struct str check_names(const char *directory, struct arena *arena);

/* Creates a directory and its parents. */
void check_make_directory(const char *path);

/* Runs SQL on the database. If there is none, first creates a finished one from store.sql. */
void check_sql(const char *sql, struct arena scratch);

/* Returns the rows of a query: columns are separated by '|', and a '\n' precedes each row. NULL is
 * empty. */
struct str check_rows(const char *sql, struct arena *arena);

/* Checks that opening the database to read and to write fails with this sentence, and changes
 * nothing. */
void check_database_refused(const struct store *store, const char *sentence, struct arena arena);

/* A command of regd that was run on the store: has it done its work, and what came on its two streams? */
struct check_run {
    bool done;
    struct str output, told;
};

/* Runs it. Of the command the store, the arena and the collector's lock are set here, and released. */
struct command;
struct check_run check_run(bool (*work)(struct command *command, struct error *error),
                           struct command *command, struct arena *arena);

/* SQL that adds a row to ValidPaths. */
#define CHECK_ADD(id, name)                                                           \
    "insert into ValidPaths (id, path, hash, registrationTime, narSize) values (" #id \
    ", '/nix/store/" CHECK_DIGEST "-" name "', 'sha256:" CHECK_HASH_HEX "', 1, 100);"

/* The SHA-256 of nothing. */
#define CHECK_HASH_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
