/* sqlite_jail_file.h — what SQLite does with an open file of a jail; private to sqlite_jail*.c.
 */
#pragma once

#include "schema/database/sqlite_jail_part.h"

extern const sqlite3_io_methods jail_file_methods;
