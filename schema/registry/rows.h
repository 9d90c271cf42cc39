/* rows.h — inserts rows into an open database.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/database/store_rows.h"

/* Inserts all rows, with one statement for each table. */
must_check bool rows_insert(const struct store_rows *rows, const struct store_db *db,
                            struct error *error);
