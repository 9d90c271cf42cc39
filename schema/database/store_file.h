/* store_file.h — writes a new store database as a file, without SQLite.
 *
 * The file has the tables and indexes of store.sql and store_index.sql, and the given rows: the
 * same rows with the same ids as if SQLite had inserted them. Only for a database that does not
 * exist yet.
 */
#pragma once

#include "schema/database/store_rows.h"

/* Can the rows be written as a file? Not if the store directory or signatures are so long that a
 * row does not fit a page. */
bool store_file_fits(const struct store_rows *rows);

/* Writes the database to fd, an empty file that is open for writing. All rows are new; their ids
 * ascend from 1. The rows of Refs are the references of the new paths in the list;
 * `rows->references` is ignored. Does not sync the file. Takes 4 bytes of `scratch` for each
 * reference. */
must_check bool store_file_write(const struct store_rows *rows, int fd, struct arena scratch,
                                 struct error *error);
