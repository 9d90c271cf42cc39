/* store_db_open.h — what opening a store's database to read and to write have in common, for
 * store_db.c and store_db_read.c alone.
 */
#pragma once

#include "schema/database/store_db.h"

#include <fcntl.h>

#define STORE_DB_LOCK_NAME "big-lock"

/* What is waited for is looked at again after so long. */
enum { STORE_DB_WAIT_STEP_MS = 20 };

void store_db_wait_step(void);

/* Tells once a second whom the wait is for: who holds a lock on the file of that name. */
void store_db_tell_waiting(const struct store *store, int directory, const char *name,
                           int waited_ms);

/* The path of a file of the database's directory. */
const char *store_db_path(const struct store *store, struct arena *arena, const char *name);

/* FOUND: the schema file says that the database is finished and of our version. ABSENT: it does not
 * say so; a version of 0 is as good as none, for Nix too. */
enum store_db_answer store_db_check_schema(const struct store_db *db, struct arena scratch,
                                           struct error *error);

/* Is there a database in db->directory? */
enum store_db_answer store_db_look(const struct store *store, const struct store_db *db,
                                   struct arena scratch, struct error *error);

/* Opens STATE_DIR/db; STORE_DB_ABSENT if it or the database in it is not there. */
enum store_db_answer store_db_open_directory(const struct store *store, struct arena scratch,
                                             struct store_db *db, struct error *error);

/* Opens the database of db->directory in a jail, or its draft if it is new; `flags` are SQLite's. `still`
 * is for reading where nothing may be written. */
must_check bool store_db_open_sqlite(struct store_db *db, int flags, bool still,
                                     struct error *error);
void store_db_close_sqlite(struct store_db *db);

/* Hands the open database over; SQLite has to learn where it is now. */
void store_db_give(struct store_db *db, struct store_db *ret_db);
