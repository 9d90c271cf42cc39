#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/registry/bulk.h"

/* Cell (row, column) is 10 * row + column; one of column 2 is null. */
static void number_cell(const void *context, size_t row, int column, sqlite3_context *result)
{
    (void)context;
    if (column != 2)
        sqlite.result_int64(result, (sqlite3_int64)(10 * row) + column);
}

/* Runs it in a transaction of a table numbers (a, b, c). */
static bool run(const char *sql, size_t count, struct arena *arena)
{
    struct bulk_rows rows = { .count = count, .cell = number_cell };
    cleanup(check_store_close) struct store store = check_store(arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return CHECK_DONE(store_db_open_write(&store, *arena, &db, check_error)) &&
           bulk_run(&db, sql, &rows, check_error) && store_db_commit(&db, check_error);
}

#define INSERT "insert into main.numbers (a, b, c) select c0, c1, c2 from temp.bulk"

static void all_rows_are_added(struct arena arena)
{
    check_sql("create table numbers (a integer primary key, b, c)", arena);
    CHECK(run(INSERT, 3, &arena));
    CHECK_STR(check_rows("select a, b, c is null from numbers", &arena),
              "\n0|1|1\n10|11|1\n20|21|1");
}

static void no_rows_do_nothing(struct arena arena)
{
    check_sql("create table numbers (a, b, c)", arena);
    CHECK(run("nonsense", 0, &arena));
}

static void a_table_of_the_same_name_is_not_taken(struct arena arena)
{
    check_sql("create table numbers (a, b, c); create table bulk (c0, c1, c2);"
              "insert into bulk values (7, 7, 7)",
              arena);
    CHECK(run(INSERT, 2, &arena));
    CHECK_STR(check_rows("select a, b from numbers", &arena), "\n0|1\n10|11");
}

static void the_rowid_is_the_rows_number(struct arena arena)
{
    check_sql("create table numbers (a, b, c)", arena);
    CHECK(run("insert into main.numbers (a, b) select rowid, c1 from temp.bulk order by rowid desc",
              3, &arena));
    CHECK_STR(check_rows("select a, b from numbers", &arena), "\n2|21\n1|11\n0|1");
}

static void fewer_rows_than_given_are_refused(struct arena arena)
{
    check_sql("create table numbers (a unique, b, c); insert into numbers values (10, 0, 0)",
              arena);
    CHECK(!run("insert or ignore into main.numbers (a) select c0 from temp.bulk", 3, &arena));
    CHECK_STR(check_error->sentence,
              "db.sqlite: SQLite has changed 2 of 3 rows; nothing is changed");
    CHECK_STR(check_rows("select a from numbers", &arena), "\n10");
}

static void what_sqlite_refuses_is_told(struct arena arena)
{
    check_sql("create table numbers (a unique, b, c); insert into numbers values (10, 0, 0)",
              arena);
    CHECK(!run(INSERT, 2, &arena));
    CHECK_STR(check_error->sentence, "db.sqlite: UNIQUE constraint failed: numbers.a");
    CHECK_STR(check_rows("select a from numbers", &arena), "\n10");
}

int main(void)
{
    return CHECK_ALL(CASE(all_rows_are_added), CASE(no_rows_do_nothing),
                     CASE(a_table_of_the_same_name_is_not_taken),
                     CASE(the_rowid_is_the_rows_number), CASE(fewer_rows_than_given_are_refused),
                     CASE(what_sqlite_refuses_is_told));
}
