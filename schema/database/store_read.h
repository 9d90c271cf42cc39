/* store_read.h — what a store's database says of its paths.
 *
 * Source   Nix, LocalStore::queryPathInfoInternal in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/nix/path_info.h"

/* Prepared look-ups. Everything is borrowed from the open database. */
struct store_reader {
    const struct store *store;
    const struct store_db *db;
    sqlite3_stmt *path, *references;
};

#define STORE_READER_CLOSED ((struct store_reader){ .store = NULL })

must_check bool store_reader_open(const struct store *store, const struct store_db *db,
                                  struct store_reader *ret_reader, struct error *error);

/* For `cleanup`; before the database is closed. */
void store_reader_close(struct store_reader *reader);

/* Looks a path up. Its name and references join `names`; other strings are copied into the arena.
 * Refuses a row that Nix could not read either. */
enum store_db_answer store_read_path(const struct store_reader *reader, struct str base,
                                     struct name_table *names, struct arena *arena,
                                     struct path_info *ret_info, struct error *error);

/* Reads all valid paths; the list is normalised. */
must_check bool store_read_all(const struct store_reader *reader, struct arena *arena,
                               struct path_list *ret_list, struct error *error);
