/* sqlite_jail_index.h — the index of a write-ahead log, for an open file of a jail; private to
 * sqlite_jail*.c.
 */
#pragma once

#include "schema/database/sqlite_jail_part.h"

/* Returns the size of the file that holds the index up to `end`. SQLite itself maps whole pages of
 * the system's memory; to its readers an index that ends inside a page is not there. */
off_t jail_index_bytes(off_t end, size_t page_bytes);

/* The xShm… functions of sqlite3_io_methods. */
int jail_index_map(sqlite3_file *base, int region, int region_bytes, int extend,
                   void volatile **ret_memory);
int jail_index_lock(sqlite3_file *base, int first, int count, int flags);
void jail_index_barrier(sqlite3_file *base);
int jail_index_unmap(sqlite3_file *base, int remove);
