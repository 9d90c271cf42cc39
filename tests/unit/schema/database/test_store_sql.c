#include "tests/check.h"

#include "schema/database/store_sql.h"

#include <sqlite3.h>

/* What SQLite keeps of the SQL is what store_sql_next takes it apart into. */

static void check_statement(sqlite3 *database, const struct store_sql_statement *statement,
                            struct arena scratch)
{
    sqlite3_stmt *row = NULL;
    struct str name = arena_copy(&scratch, statement->name);
    CHECK_NUMBER(sqlite3_prepare_v2(database,
                                    "select type, tbl_name, sql from sqlite_schema where name = ?",
                                    -1, &row, NULL),
                 SQLITE_OK);
    sqlite3_bind_text(row, 1, name.data, -1, SQLITE_TRANSIENT);
    check_about("%s", name.data);
    if (CHECK_NUMBER(sqlite3_step(row), SQLITE_ROW)) {
        CHECK_STR((const char *)sqlite3_column_text(row, 0), statement->type);
        CHECK_STR((const char *)sqlite3_column_text(row, 1), statement->table);
        CHECK_STR((const char *)sqlite3_column_text(row, 2),
                  arena_format(&scratch, "%.*s%.*s", STR_ARG(statement->keyword),
                               STR_ARG(statement->text)));
    }
    sqlite3_finalize(row);
}

static size_t check_all_kept(const char *sql, sqlite3 *database, struct arena arena)
{
    size_t count = 0;
    struct store_sql_statement statement;
    struct str text = str_from(sql);
    CHECK_NUMBER(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    for (; store_sql_next(&text, &statement); count++)
        check_statement(database, &statement, arena);
    CHECK_NUMBER(text.len, 0);
    return count;
}

static void statements_are_as_sqlite_keeps_them(struct arena arena)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *kept = NULL;
    CHECK_NUMBER(sqlite3_open(":memory:", &database), SQLITE_OK);
    size_t count = check_all_kept(store_sql, database, arena);
    count += check_all_kept(store_index_sql, database, arena);
    sqlite3_prepare_v2(database,
                       "select count(*) from sqlite_schema where sql is not null and "
                       "name not like 'sqlite_%'",
                       -1, &kept, NULL);
    if (CHECK_NUMBER(sqlite3_step(kept), SQLITE_ROW))
        CHECK_NUMBER(sqlite3_column_int64(kept, 0), count);
    sqlite3_finalize(kept);
    sqlite3_close(database);
}

static void both_can_be_run_twice(void)
{
    sqlite3 *database = NULL;
    CHECK_NUMBER(sqlite3_open(":memory:", &database), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_NUMBER(sqlite3_exec(database, store_sql, NULL, NULL, NULL), SQLITE_OK);
        CHECK_NUMBER(sqlite3_exec(database, store_index_sql, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_close(database);
}

static void what_is_no_statement_is_passed_over(void)
{
    struct store_sql_statement statement = { 0 };
    struct str text =
        STR("-- a remark\npragma x;\ncreate index if not exists I on T(a);\ninsert;\n");
    CHECK(store_sql_next(&text, &statement));
    CHECK_STR(statement.type, "index");
    CHECK_STR(statement.name, "I");
    CHECK_STR(statement.table, "T");
    CHECK_STR(statement.text, "I on T(a)");
    CHECK(!store_sql_next(&text, &statement));
    CHECK_NUMBER(text.len, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(statements_are_as_sqlite_keeps_them), CASE(both_can_be_run_twice),
                     CASE(what_is_no_statement_is_passed_over));
}
