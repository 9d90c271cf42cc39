/* rows.h — inserting rows into an open database.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/database/store_rows.h"

/* Inserts them all, with one statement a table. */
must_check bool rows_insert(const struct store_rows *rows, const struct store_db *db,
                            struct error *error);
