/* store_db_shape.h — are the three tables that we use those that Nix made?
 *
 * Each has to be a table: no view, no virtual table. Its columns have to have the names, types and
 * collations of store.sql, and its key has to be unique. Strict tables and tables WITHOUT ROWID are
 * as good as others for what we do; checks, defaults that are values, foreign keys and the order of
 * columns do not matter.
 *
 * More is fine if SQLite can work on it without running SQL of the database's own, and rows can be
 * added that do not say it: columns that may be null or have a default value; indexes of columns.
 * Not fine are generated columns, computed defaults, and indexes of expressions or of some rows.
 */
#pragma once

#include "schema/database/store_db.h"

/* Names of what is not known and does not matter, for one warning. Starts all zero. */
enum { STORE_DB_UNKNOWN_NAMED = 4 };

struct store_db_unknown {
    char text[480]; /* "table 'A', index 'B', column 'C'" */
    size_t count;
};

void store_db_unknown_add(struct store_db_unknown *unknown, const char *what, struct str name);

/* Is it one of the three? */
bool store_db_shape_is_ours(struct str table);

/* Refuses a database in which one of the tables is missing or not as it has to be, by name. */
must_check bool store_db_shape_check(const struct store_db *db, struct store_db_unknown *unknown,
                                     struct error *error);
