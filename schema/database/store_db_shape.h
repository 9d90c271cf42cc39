/* store_db_shape.h — checks that the three tables that we use have the shape that Nix gives them.
 *
 * Each must be a table, not a view or a virtual table. Its columns must have the names, types and
 * collations of store.sql, and its key must be unique. A table may be STRICT or WITHOUT ROWID.
 * Checks, constant defaults, foreign keys and the order of columns do not matter.
 *
 * Additions are accepted if SQLite can work with them without running SQL of the database, and if
 * rows can be added that do not mention them: columns that may be null or have a constant default,
 * and indexes of columns. Generated columns, computed defaults, and indexes of expressions or of a
 * part of the rows are refused.
 */
#pragma once

#include "schema/database/store_db.h"

/* Collects the names of unknown additions, for one warning. Starts all zero. */
enum { STORE_DB_UNKNOWN_NAMED = 4 };

struct store_db_unknown {
    char text[480]; /* "table 'A', index 'B', column 'C'" */
    size_t count;
};

void store_db_unknown_add(struct store_db_unknown *unknown, const char *what, struct str name);

/* Is it one of the three tables? */
bool store_db_shape_is_ours(struct str table);

/* Refuses a database in which one of the tables is missing or has another shape, and names it. */
must_check bool store_db_shape_check(const struct store_db *db, struct store_db_unknown *unknown,
                                     struct error *error);
