/* check_store.h — a Nix store for a case, in the kit's directory: /nix/store, its state in /state.
 *
 * The kit's directory is the store's root. Its database is made and looked at through SQLite alone, so
 * that no code which is tested tells what that code has done.
 */
#pragma once

#include "schema/nix/store.h"
#include "tests/check.h"

/* The digest of every store path in these tests. */
#define CHECK_DIGEST "0123456789abcdfghijklmnpqrsvwxyz"

/* Opens the store; nothing of it is made. Close it with check_store_close, which is for `cleanup`. */
struct store check_store(struct arena *arena);
void check_store_close(const struct store *store);

/* Writes a file below the kit's directory, and makes the directories above it. */
void check_file(const char *path, struct str content);

/* What is in a file below the kit's directory, "(absent)" if it is not there; and the names in a directory,
 * ascending, each behind a blank. */
struct str check_content(const char *path, struct arena *arena);
struct str check_names(const char *directory, struct arena *arena);

/* Makes a directory, and those above it. */
void check_make_directory(const char *path);

/* Makes the database as store.sql has it, finished, and runs the SQL on it; or runs the SQL on the one
 * that is there. */
void check_sql(const char *sql, struct arena scratch);

/* Rows, columns separated by '|', each row behind a '\n'; null is empty. */
struct str check_rows(const char *sql, struct arena *arena);

/* Reading and writing the database are refused with this sentence, and all of it stays as it is. */
void check_database_refused(const struct store *store, const char *sentence, struct arena arena);

/* SQL that adds a row to ValidPaths. */
#define CHECK_ADD(id, name)                                                           \
    "insert into ValidPaths (id, path, hash, registrationTime, narSize) values (" #id \
    ", '/nix/store/" CHECK_DIGEST "-" name "', 'sha256:" CHECK_HASH_HEX "', 1, 100);"

/* The SHA-256 of nothing. */
#define CHECK_HASH_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
