/* store_file.h — a new store database written as a file, without SQLite.
 *
 * Holds what store.sql and store_index.sql make and the given rows: the same, row for row and id
 * for id, as when SQLite inserts them. Only for a database that does not exist yet.
 */
#pragma once

#include "schema/database/store_rows.h"

/* Can it be written so? Not with a store directory or signatures so long that a row would not fit a
 * page. */
bool store_file_fits(const struct store_rows *rows);

/* Writes the database to fd, an empty file open for writing. All rows are new: their ids ascend
 * from 1. The rows of Refs are those of the new paths' references in the list, whatever
 * `rows->references` says. The file is not synced. `scratch` takes 4 bytes a reference. */
must_check bool store_file_write(const struct store_rows *rows, int fd, struct arena scratch,
                                 struct error *error);
