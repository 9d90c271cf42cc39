/* store_sql.h — the SQL of store.sql and store_index.sql, built into the programs.
 *
 * Each statement has "if not exists", so that both can be run on a database that is partly there.
 */
#pragma once

#include "schema/base/str.h"

extern const char store_sql[];
extern const char store_index_sql[];

/* The migration that a new database states as done: it drops an index that a new database never
 * has. */
#define STORE_SQL_MIGRATION "20260309-drop-redundant-indexreferrer"

/* A CREATE statement as SQLite stores it in sqlite_schema. */
struct store_sql_statement {
    struct str type;        /* "table", "index" or "trigger" */
    struct str name, table; /* a table's `table` is its name */
    struct str keyword;     /* "CREATE TABLE " … */
    struct str text;        /* from the name on, after the keyword */
};

/* Takes the next CREATE statement off the text. Returns false if there is none. */
bool store_sql_next(struct str *text, struct store_sql_statement *ret_statement);
