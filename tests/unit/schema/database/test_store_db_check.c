#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define D CHECK_DIGEST
#define ADD(path) \
    "insert into ValidPaths (path, hash, registrationTime) values ('" path "', 'h', 1);"

static char last_warning[1024];

static void keep_warning(const void *context, const char *sentence)
{
    (void)context;
    snprintf(last_warning, sizeof last_warning, "%s", sentence);
}

/* The warning that opening the database gives when the SQL was run on it; "" if it gives none. */
static const char *warning_after(const char *sql, struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    store.warning = keep_warning;
    last_warning[0] = '\0';
    check_sql(sql, arena);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    return last_warning;
}

static void what_nix_adds_is_no_warning(struct arena arena)
{
    static const char *const additions[] = {
        "insert or ignore into SchemaMigrations values ('20220326-ca-derivations')",
        "insert or ignore into SchemaMigrations values ('20251017-ca-derivations')",
        "insert or ignore into SchemaMigrations values ('20241024-provenance')",
        "create table Realisations (id integer); create index IndexRealisations on Realisations (id)",
        "create table BuildTraceV3 (id integer)",
        "drop table SchemaMigrations",
        "pragma journal_mode = delete",
    };
    check_sql(ADD("/nix/store/" D "-a"), arena);
    for (size_t i = 0; i < COUNT(additions); i++) {
        check_about("%s", additions[i]);
        CHECK_STR(warning_after(additions[i], arena), "");
    }
}

static void what_is_not_known_is_named_in_one_warning(struct arena arena)
{
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(
        warning_after("insert into SchemaMigrations values ('20990101-other');"
                      "create table Other (x); create table More (x);"
                      "alter table Refs add column more;"
                      "create index Hashes on ValidPaths(hash);",
                      arena),
        "the database has unknown parts: index 'Hashes', column 'more', table 'Other', table 'More', …; they are left alone");
}

static void migrations_that_are_not_known_are_named(struct arena arena)
{
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(warning_after("insert into SchemaMigrations values ('20990101-other')", arena),
              "the database has unknown parts: migration '20990101-other'; they are left alone");
    CHECK_STR(
        warning_after("with recursive n (i) as (select 1 union all select i + 1 from n limit 1000) "
                      "insert into SchemaMigrations select printf('%04d', i) from n",
                      arena),
        "the database has unknown parts: migration '20990101-other', migration '0001', migration '0002', migration '0003', …; they are left alone");
}

/* The table of migrations is not needed, so whatever has its name does no harm. */
static void what_is_called_like_the_migrations_may_be_anything(struct arena arena)
{
    static const char *const others[] = {
        "drop table SchemaMigrations; create table SchemaMigrations (other)",
        "drop table SchemaMigrations; create view SchemaMigrations as select 'x' as migration",
        "drop view SchemaMigrations; create virtual table SchemaMigrations using fts5 (migration)",
    };
    check_sql(ADD("/nix/store/" D "-a"), arena);
    for (size_t i = 0; i < COUNT(others); i++) {
        check_about("%s", others[i]);
        const char *warning = warning_after(others[i], arena);
        CHECK(!strstr(warning, "migration '"));
    }
}

static void rows_without_a_legal_path_are_counted_in_one_warning(struct arena arena)
{
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(warning_after(ADD("/gnu/store/" D "-a") ADD(D "-a") ADD("/nix/store/")
                                ADD("/nix/store/" D "-a b"),
                            arena),
              "4 of the database's paths are not in the store '/nix/store' or not legal, such as "
              "'/gnu/store/" D "-a'; they are left alone");
}

static void a_database_of_another_store_is_refused(struct arena arena)
{
    static const struct {
        const char *path, *sentence;
    } rows[] = {
        { "/gnu/store/" D "-a",
          "the database has no path in the store '/nix/store', but has '/gnu/store/" D
          "-a'; name its store with --store-dir" },
        { "/nix/store2/" D "-a",
          "the database has no path in the store '/nix/store', but has '/nix/store2/" D
          "-a'; name its store with --store-dir" },
        { "/nix/store", "the database has no path in the store '/nix/store', but has '/nix/store'; "
                        "name its store with --store-dir" },
        { D "-a", "the database has base names instead of full paths, such as '" D
                  "-a'; use the Nix that made it, or a newer regd" },
        { "", "the database has no path in the store '/nix/store', but has ''; "
              "name its store with --store-dir" },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].path);
        check_sql(arena_format(&arena,
                               "delete from ValidPaths; insert into ValidPaths "
                               "(path, hash, registrationTime) values ('%s', 'h', 1)",
                               rows[i].path)
                      .data,
                  arena);
        check_database_refused(&store, rows[i].sentence, arena);
    }
}

static void an_empty_database_is_of_every_store(struct arena arena)
{
    check_sql("", arena);
    CHECK_STR(warning_after("", arena), "");
}

static void a_trigger_that_is_not_known_is_refused_by_writers_alone(struct arena arena)
{
    struct store_db db;
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(warning_after("create trigger T after insert on Refs begin select 1; end", arena),
              "the database has unknown parts: trigger 'T'; they are left alone");
    CHECK_REFUSED(
        store_db_open_write(&store, arena, &db, check_error),
        "db.sqlite: the unknown trigger 'T' on Refs would have to run; register with the Nix that made it, or drop the trigger");
}

/* It fires for rows that nobody adds. */
static void a_trigger_on_another_table_is_left_alone(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    check_sql("create table Other (x);"
              "create trigger T after insert on Other begin select 1; end",
              arena);
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
}

int main(void)
{
    return CHECK_ALL(
        CASE(what_nix_adds_is_no_warning), CASE(what_is_not_known_is_named_in_one_warning),
        CASE(migrations_that_are_not_known_are_named),
        CASE(what_is_called_like_the_migrations_may_be_anything),
        CASE(rows_without_a_legal_path_are_counted_in_one_warning),
        CASE(a_database_of_another_store_is_refused), CASE(an_empty_database_is_of_every_store),
        CASE(a_trigger_that_is_not_known_is_refused_by_writers_alone),
        CASE(a_trigger_on_another_table_is_left_alone));
}
