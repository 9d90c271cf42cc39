#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db.h"

#include <fcntl.h>
#include <string.h>

#define D CHECK_DIGEST
#define ADD(path) \
    "insert into ValidPaths (path, hash, registrationTime) values ('" path "', 'h', 1);"

static void wrong_sql_is_an_error_with_its_sentence(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *statement = NULL;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_REFUSED(store_db_run(&db, "nonsense", check_error),
                  "db.sqlite: near \"nonsense\": syntax error");
    CHECK_REFUSED(store_db_prepare(&db, "select x from y", &statement, check_error),
                  "db.sqlite: no such table: y");
    CHECK(statement == NULL);
    CHECK_DONE(store_db_prepare(&db, ADD("/nix/store/" D "-a"), &statement, check_error));
    CHECK_NUMBER(store_db_step(&db, statement, check_error), STORE_DB_ABSENT);
    sqlite3_reset(statement);
    CHECK_REFUSED(store_db_step(&db, statement, check_error) != STORE_DB_FAILED,
                  "db.sqlite: UNIQUE constraint failed: ValidPaths.path");
    store_db_finalize(&statement);
    CHECK(statement == NULL);
}

static void text_columns_are_slices_and_null_is_empty(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *row = NULL;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(
        store_db_prepare(&db, "select 'a' || char(0) || 'b', null, '', 12", &row, check_error));
    CHECK_NUMBER(store_db_step(&db, row, check_error), STORE_DB_FOUND);
    CHECK(str_equal(store_db_text(row, 0), STR("a\0b")));
    CHECK_NUMBER(store_db_text(row, 1).len, 0);
    CHECK_NUMBER(store_db_text(row, 2).len, 0);
    CHECK_STR(store_db_text(row, 3), "12");
    CHECK_NUMBER(store_db_step(&db, row, check_error), STORE_DB_ABSENT);
}

#define RESTORE "; restore it, or move it and its -wal and -shm files away and register again"

/* Reads all rows of a damaged database. */
static enum store_db_answer read_all(const struct store *store, struct arena arena)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    enum store_db_answer answer = store_db_open_read(store, &arena, &db, check_error);
    if (answer != STORE_DB_FOUND ||
        !store_db_prepare(&db, "select * from ValidPaths", &rows, check_error))
        return STORE_DB_FAILED;
    while ((answer = store_db_step(&db, rows, check_error)) == STORE_DB_FOUND)
        ;
    return answer;
}

static void a_damaged_page_is_an_error_with_its_remedy(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql(
        "with recursive n (i) as (select 1 union all select i + 1 from n limit 500) "
        "insert into ValidPaths (path, hash, registrationTime) "
        "select '/nix/store/' || i, printf('%060d', i), 1 from n; pragma journal_mode = delete",
        arena);
    CHECK_NUMBER(read_all(&store, arena), STORE_DB_ABSENT);
    cleanup(own_close) int fd = openat(check_directory(), "state/db/db.sqlite", O_RDWR | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t page = 16 * 4096; page < size; page += 4096)
        CHECK(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, page) == 8);
    CHECK_REFUSED(read_all(&store, arena) != STORE_DB_FAILED,
                  "db.sqlite: database disk image is malformed" RESTORE);
}

static void a_file_of_something_else_is_an_error_with_its_remedy(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    char *garbage = arena_alloc(&arena, 1, 8192);
    memset(garbage, 'x', 8192);
    check_sql("", arena);
    check_file("state/db/db.sqlite", (struct str){ garbage, 8192 });
    check_database_refused(&store, "db.sqlite: file is not a database" RESTORE, arena);
    check_file("state/db/db.sqlite", STR(""));
    check_database_refused(
        &store,
        "db.sqlite: no such table: main.ValidPaths: it is not a finished "
        "Nix database; restore it, or move it and schema away and register again",
        arena);
}

/* Memory that runs out is told as such, whether there is a limit of ours or not. */
static void without_memory_the_limit_is_named(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    check_sql("", arena);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    CHECK_REFUSED(store_db_run(&db,
                               "select group_concat(hex(zeroblob(20000000))) from "
                               "(values (1), (2), (3))",
                               check_error),
                  "db.sqlite: SQLite needs more than 32 MiB of memory for it" RESTORE);
}

int main(void)
{
    return CHECK_ALL(CASE(wrong_sql_is_an_error_with_its_sentence),
                     CASE(text_columns_are_slices_and_null_is_empty),
                     CASE(a_damaged_page_is_an_error_with_its_remedy),
                     CASE(a_file_of_something_else_is_an_error_with_its_remedy),
                     CASE(without_memory_the_limit_is_named));
}
