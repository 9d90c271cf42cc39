/* store_db_open.h — functions to open a store's database; private to store_db.c and
 * store_db_read.c.
 */
#pragma once

#include "schema/database/store_db.h"

#include <fcntl.h>

#define STORE_DB_LOCK_NAME "big-lock"

/* The interval between two attempts when we wait for a lock. */
enum { STORE_DB_WAIT_STEP_MS = 20 };

void store_db_wait_step(void);

/* Reports once a second which process we wait for: one that holds a lock on the file `name`. */
void store_db_tell_waiting(const struct store *store, int directory, const char *name,
                           int waited_ms);

/* Returns the path of a file in the database's directory, for sentences. */
const char *store_db_path(const struct store *store, struct arena *arena, const char *name);

/* FOUND: according to the schema file, the database is finished and has our version. ABSENT: there
 * is no schema file, or its version is 0, which also to Nix means none. */
enum store_db_answer store_db_check_schema(const struct store_db *db, struct arena scratch,
                                           struct error *error);

/* Is there a database in db->directory? */
enum store_db_answer store_db_look(const struct store *store, const struct store_db *db,
                                   struct arena scratch, struct error *error);

/* Opens STATE_DIR/db. ABSENT: the directory or the database in it does not exist. */
enum store_db_answer store_db_open_directory(const struct store *store, struct arena scratch,
                                             struct store_db *db, struct error *error);

/* Opens the database in db->directory, or the draft of a new one, in a jail. `flags` are SQLite's.
 * `still` is for a reader that cannot write there; see sqlite_jail.h. */
must_check bool store_db_open_sqlite(struct store_db *db, int flags, bool still,
                                     struct error *error);
void store_db_close_sqlite(struct store_db *db);

/* Moves the open database to *ret_db, and gives SQLite's callbacks the new address. */
void store_db_give(struct store_db *db, struct store_db *ret_db);
