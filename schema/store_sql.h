/* store_sql.h — the SQL of store.sql and store_index.sql, built into the programs.
 *
 * Every statement says "if not exists", so that both can be run on a database that has some of it.
 */
#pragma once

extern const char store_sql[];
extern const char store_index_sql[];
