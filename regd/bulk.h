/* bulk.h — many rows into SQLite with one statement.
 *
 * Stepping a prepared INSERT once a row spends most of its time on starting and ending the
 * statement. Here the rows are a virtual table, "bulk", with columns c0, c1, … so that one
 *
 *     insert into main.T (a, b) select c0, c1 from temp.bulk
 *
 * inserts them all. Rows that ascend by the table's keys are the fastest. "temp." because a table in
 * the database may be named "bulk", too, and would be taken instead.
 */
#pragma once

#include "schema/database/store_db.h"

struct bulk_rows {
    size_t count;
    const void *context;
    /* Sets the value of one cell through sqlite3_result_…; a cell not set is null. */
    void (*cell)(const void *context, size_t row, int column, sqlite3_context *result);
};

/* Runs the statement, which inserts what it selects from "temp.bulk". Refuses if SQLite has not added
 * as many rows: the transaction is to be given up then. No rows: does nothing. */
must_check bool bulk_run(const struct store_db *db, const char *sql, const struct bulk_rows *rows,
                         struct error *error);
