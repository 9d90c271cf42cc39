/* store_read.h — reads store paths from a store's database.
 *
 * A row that cannot be used is called odd: its path is not a text, not legal or not in this store,
 * or its hash, deriver or a reference cannot be parsed. Nix notices such a row only when it is
 * asked for the path, and works until then; so does this code.
 *
 * Source   Nix, LocalStore::queryPathInfoInternal in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/nix/path_info.h"

/* Prepared statements. Everything is borrowed from the open database. */
struct store_reader {
    const struct store *store;
    const struct store_db *db;
    sqlite3_stmt *path, *references;
};

#define STORE_READER_CLOSED ((struct store_reader){ .store = NULL })

must_check bool store_reader_open(const struct store *store, const struct store_db *db,
                                  struct store_reader *ret_reader, struct error *error);

/* Must be called before the database is closed. For `cleanup`. */
void store_reader_close(struct store_reader *reader);

/* Looks up a path. Its name and references are added to `names`; other strings are copied into the
 * arena. STORE_DB_ODD: its row cannot be used. */
enum store_db_answer store_read_path(const struct store_reader *reader, struct str base,
                                     struct name_table *names, struct arena *arena,
                                     struct path_info *ret_info, struct error *error);

/* Rows that cannot be used. Starts all zero. */
struct odd_row {
    const char *table;
    struct str row; /* its id, or its ids */
    struct str reason;
};

enum { ODD_ROWS_KEPT = 1000 };

struct odd_rows {
    struct odd_row *items; /* the first ODD_ROWS_KEPT */
    size_t count, capacity;
    size_t unnamed;    /* rows without a legal path in the store, of which store_db_check warns */
    struct str *bases; /* of odd rows with a legal path, sorted: these are not stray paths */
    size_t base_count, base_capacity;
};

/* Reads all valid paths except those of odd rows, into a normalised list. */
must_check bool store_read_all(const struct store_reader *reader, struct arena *arena,
                               struct path_list *ret_list, struct odd_rows *ret_odd,
                               struct error *error);

/* Adds the rows of Refs and DerivationOutputs that refer to no row of ValidPaths. */
must_check bool store_read_dangling(const struct store_db *db, struct arena *arena,
                                    struct odd_rows *odd, struct error *error);
