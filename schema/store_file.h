/* store_file.h — a new store database written as a file, without SQLite.
 *
 * Holds what store.sql and store_index.sql make and the given rows: the same, row for row and id
 * for id, as when SQLite inserts them. Only for a database that does not exist yet.
 */
#pragma once

#include "schema/store_rows.h"

/* Longer store directories could make rows too long for a page (see sqlite_file.h). */
enum { STORE_FILE_DIR_MAX = 256 };

/* Writes the database to fd, an empty file open for writing. All rows are new: their ids ascend
 * from 1. The file is not synced. `scratch` takes 12 bytes a reference. */
must_check bool store_file_write(const struct store_rows *rows, int fd, struct arena scratch,
                                 struct error *error);
