/* store_sql.h — the SQL of store.sql and store_index.sql, built into the programs.
 *
 * Every statement says "if not exists", so that both can be run on a database that has some of it.
 */
#pragma once

#include "schema/base/str.h"

extern const char store_sql[];
extern const char store_index_sql[];

/* The migration that a new database has behind it: it never had the index. */
#define STORE_SQL_MIGRATION "20260309-drop-redundant-indexreferrer"

/* A statement as SQLite keeps it in sqlite_schema. */
struct store_sql_statement {
    struct str type;        /* "table", "index" or "trigger" */
    struct str name, table; /* a table's are the same */
    struct str keyword;     /* "CREATE TABLE " … */
    struct str text;        /* from the name on; follows the keyword */
};

/* Takes the next CREATE statement off the text; false if there is none. */
bool store_sql_next(struct str *text, struct store_sql_statement *ret_statement);
