/* store_read.h — what a store's database says of its paths.
 *
 * A row that cannot be used is odd: it has a path that is not of this store or not legal, a hash, deriver
 * or reference that cannot be read, or a path that is no text. Nix comes across such a row only when it is
 * asked for the path, and works on until then; so does this.
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
 * STORE_DB_ODD: its row cannot be used. */
enum store_db_answer store_read_path(const struct store_reader *reader, struct str base,
                                     struct name_table *names, struct arena *arena,
                                     struct path_info *ret_info, struct error *error);

/* Rows that cannot be used. Starts all zero. */
struct odd_row {
    const char *table;
    struct str row; /* what is said of it: its number, or its numbers */
    struct str reason;
};

enum { ODD_ROWS_KEPT = 1000 };

struct odd_rows {
    struct odd_row *items; /* the first ODD_ROWS_KEPT */
    size_t count, capacity;
    size_t elsewhere;  /* those with a path outside the store, of which store_db_check warns */
    struct str *bases; /* of those with a legal path, ascending: no strays in the store */
    size_t base_count, base_capacity;
};

/* Reads all valid paths but those of odd rows; the list is normalised. */
must_check bool store_read_all(const struct store_reader *reader, struct arena *arena,
                               struct path_list *ret_list, struct odd_rows *ret_odd,
                               struct error *error);

/* Adds the rows of Refs and DerivationOutputs that belong to no row of ValidPaths. */
must_check bool store_read_dangling(const struct store_db *db, struct arena *arena,
                                    struct odd_rows *odd, struct error *error);
