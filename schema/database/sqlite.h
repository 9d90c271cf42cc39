/* sqlite.h — the SQLite library, loaded when a database is first opened.
 *
 * A new database is written without SQLite (sqlite_file.h), and to load the library takes as long
 * as to write a small database. `sqlite.step(…)` calls sqlite3_step(…).
 */
#pragma once

#include "schema/base/error.h"

#include <sqlite3.h>

#define SQLITE_FUNCTIONS(FUNCTION)   \
    FUNCTION(bind_int);              \
    FUNCTION(bind_int64);            \
    FUNCTION(bind_text);             \
    FUNCTION(busy_handler);          \
    FUNCTION(changes64);             \
    FUNCTION(close);                 \
    FUNCTION(column_bytes);          \
    FUNCTION(column_int64);          \
    FUNCTION(column_text);           \
    FUNCTION(column_type);           \
    FUNCTION(create_module);         \
    FUNCTION(db_config);             \
    FUNCTION(db_status);             \
    FUNCTION(declare_vtab);          \
    FUNCTION(errcode);               \
    FUNCTION(errmsg);                \
    FUNCTION(errstr);                \
    FUNCTION(exec);                  \
    FUNCTION(extended_result_codes); \
    FUNCTION(finalize);              \
    FUNCTION(free);                  \
    FUNCTION(hard_heap_limit64);     \
    FUNCTION(limit);                 \
    FUNCTION(malloc);                \
    FUNCTION(open_v2);               \
    FUNCTION(prepare_v2);            \
    FUNCTION(prepare_v3);            \
    FUNCTION(progress_handler);      \
    FUNCTION(reset);                 \
    FUNCTION(result_int);            \
    FUNCTION(result_int64);          \
    FUNCTION(result_text);           \
    FUNCTION(status64);              \
    FUNCTION(step);                  \
    FUNCTION(table_column_metadata); \
    FUNCTION(vfs_register);          \
    FUNCTION(vfs_unregister)

struct sqlite_functions {
#define SQLITE_MEMBER(name) __typeof__(&sqlite3_##name) name
    SQLITE_FUNCTIONS(SQLITE_MEMBER);
#undef SQLITE_MEMBER
};

/* All null until sqlite_load has returned true. */
extern struct sqlite_functions sqlite;

/* Loads the library, once. Fails if it is not installed. */
must_check bool sqlite_load(struct error *error);
