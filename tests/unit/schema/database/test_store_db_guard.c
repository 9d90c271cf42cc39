#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db_guard.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define OVERDRAWN                                                                               \
    "db.sqlite: it makes SQLite work longer than its size explains, so it is damaged; restore " \
    "it, or move it and its -wal and -shm files away and register again"

/* Opened to be read; closed by store_db_close. */
static struct store_db open_read(const struct store *store, struct arena *arena)
{
    struct store_db db = STORE_DB_CLOSED;
    CHECK_NUMBER(store_db_open_read(store, arena, &db, check_error), STORE_DB_FOUND);
    return db;
}

static void work_without_end_is_ended(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    CHECK_REFUSED(store_db_run(&db,
                               "with recursive n (i) as (select 1 union all select i + 1 from n) "
                               "select max(i) from n",
                               check_error),
                  OVERDRAWN);
    CHECK(db.budget->is_spent);
    /* What is spent stays spent. */
    CHECK_REFUSED(store_db_run(&db,
                               "with recursive n (i) as (select 1 union all select i + 1 from n "
                               "limit 1000) select max(i) from n",
                               check_error),
                  OVERDRAWN);
}

static void rows_that_are_looked_up_are_paid_for(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    const char *work =
        "with recursive n (i) as (select 1 union all select i + 1 from n limit 500000) "
        "select max(i) from n";
    uint64_t units = db.budget->units, bytes = db.budget->bytes;
    store_db_allow(&db, 10000);
    CHECK_NUMBER(db.budget->units - units, 10000 * 2000);
    CHECK_NUMBER(db.budget->bytes - bytes, 10000 * 512);
    CHECK_DONE(store_db_run(&db, work, check_error));
    db.budget->units = 100;
    CHECK_REFUSED(store_db_run(&db, work, check_error), OVERDRAWN);
}

static void what_may_be_used_follows_the_size_of_the_database(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("pragma journal_mode = delete; create table Other (x);"
              "insert into Other values (zeroblob(1000000))",
              arena);
    uint64_t size = check_content("state/db/db.sqlite", &arena).len;
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    CHECK(size > 1000000);
    CHECK_NUMBER(db.budget->bytes, (32 << 20) + size);
    CHECK_NUMBER(db.budget->text_bytes, (16 << 20) + 2 * size);
}

static void text_that_is_kept_is_charged(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    uint64_t all = db.budget->text_bytes;
    CHECK_DONE(store_db_charge(&db, 1000, check_error));
    CHECK_DONE(store_db_charge(&db, all - 1000, check_error));
    CHECK_REFUSED(store_db_charge(&db, 1, check_error), OVERDRAWN);
    CHECK_DONE(store_db_charge(&db, 0, check_error));
}

/* A schema of 4000 tables takes far longer to read than Nix's 13 objects. */
static void a_schema_that_is_too_long_is_refused(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    for (int i = 0; i < 4; i++) {
        struct str tables = STR("");
        for (int j = 0; j < 1000; j++)
            tables =
                arena_format(&arena, "%.*screate table t%d (x);", STR_ARG(tables), i * 1000 + j);
        check_sql(arena_format(&arena, "begin;%.*scommit", STR_ARG(tables)).data, arena);
    }
    check_database_refused(&store, OVERDRAWN, arena);
}

/* The database's own SQL, and what would reach beyond it. */
static void nothing_of_the_database_runs(struct arena arena)
{
    static const struct {
        const char *sql, *sentence;
    } rows[] = {
        { "select * from V", "db.sqlite: access to view \"V\" prohibited" },
        { "attach 'other' as o", "db.sqlite: too many attached databases - max 0" },
        { "select load_extension('x')", "db.sqlite: not authorized" },
        { "pragma writable_schema = 1; update sqlite_schema set sql = ''",
          "db.sqlite: table sqlite_master may not be modified" },
        { "select * from ValidPaths limit length(zeroblob(70000000))",
          "db.sqlite: string or blob too big" },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("create view V as select 1; create table Other (x)", arena);
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].sql);
        CHECK_REFUSED(store_db_run(&db, rows[i].sql, check_error), rows[i].sentence);
    }
}

/* START, COUNT times PART, END. */
static const char *repeated(const char *const texts[3], size_t count, struct arena *arena)
{
    size_t length = strlen(texts[1]);
    char *parts = arena_room(arena, count * length + 1);
    for (size_t i = 0; i <= count * length; i++)
        parts[i] = i < count * length ? texts[1][i % length] : '\0';
    return arena_format(arena, "%s%s%s", texts[0], parts, texts[2]).data;
}

/* Each as often as the limit allows, and once more. */
static void sql_is_as_long_and_as_deep_as_our_own(struct arena arena)
{
    static const struct {
        const char *texts[3];
        size_t count;
        const char *sentence;
    } rows[] = {
        { { "select 1", ", 1", "" }, 100 - 1, "too many columns in result set" },
        { { "select 1", " union select 1", "" }, 10 - 1, "too many terms in compound SELECT" },
        { { "select max(1", ", 1", ")" }, 16 - 1, "too many arguments on function max" },
        { { "select 'a' like '", "a", "'" }, 100, "LIKE or GLOB pattern too complex" },
        { { "select 1", " + 1", "" }, 40 - 1, "Expression tree is too large (maximum depth 40)" },
        { { "select 1", " ", "" }, (16 << 10) - 8, "string or blob too big" },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    cleanup(store_db_close) struct store_db db = open_read(&store, &arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].sentence);
        CHECK_DONE(store_db_run(&db, repeated(rows[i].texts, rows[i].count, &arena), check_error));
        CHECK_REFUSED(
            store_db_run(&db, repeated(rows[i].texts, rows[i].count + 1, &arena), check_error),
            arena_format(&arena, "db.sqlite: %s", rows[i].sentence));
    }
}

static void triggers_do_not_fire(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("create table Other (x); create table Fired (x);"
              "create trigger T after insert on Other begin insert into Fired values (1); end",
              arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!CHECK_DONE(store_db_open_write(&store, arena, &db, check_error)))
        return;
    CHECK_DONE(store_db_run(&db, "insert into Other values (1)", check_error));
    CHECK_DONE(store_db_commit(&db, check_error));
    store_db_close(&db);
    CHECK_STR(check_rows("select count(*) from Other union all select count(*) from Fired", &arena),
              "\n1\n0");
}

int main(void)
{
    return CHECK_ALL(CASE(work_without_end_is_ended), CASE(rows_that_are_looked_up_are_paid_for),
                     CASE(what_may_be_used_follows_the_size_of_the_database),
                     CASE(text_that_is_kept_is_charged), CASE(a_schema_that_is_too_long_is_refused),
                     CASE(nothing_of_the_database_runs),
                     CASE(sql_is_as_long_and_as_deep_as_our_own), CASE(triggers_do_not_fire));
}
