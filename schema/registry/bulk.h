/* bulk.h — inserts or deletes many rows of SQLite with one statement.
 *
 * To step a prepared INSERT once for each row takes most of its time to start and end the
 * statement. Here the rows are a virtual table, "bulk", with columns c0, c1, …, so that one
 * statement
 *
 *     insert into main.T (a, b) select c0, c1 from temp.bulk
 *
 * inserts them all. It is fastest if the rows are sorted by the table's key. The name has "temp.",
 * because SQLite would prefer a table of the database that is also called "bulk".
 */
#pragma once

#include "schema/database/store_db.h"

struct bulk_rows {
    size_t count;
    const void *context;
    /* Sets the value of a cell with sqlite3_result_…; a cell that is not set is NULL. */
    void (*cell)(const void *context, size_t row, int column, sqlite3_context *result);
};

/* Runs the statement, which inserts or deletes a row for each of "temp.bulk". Fails if SQLite has
 * changed another number of rows; the caller must then roll back. Does nothing if there are no
 * rows. */
must_check bool bulk_run(const struct store_db *db, const char *sql, const struct bulk_rows *rows,
                         struct error *error);

/* The same for a statement that may change any number of rows. */
must_check bool bulk_run_any(const struct store_db *db, const char *sql,
                             const struct bulk_rows *rows, struct error *error);
