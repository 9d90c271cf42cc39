#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db_shape.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define NEWER "; use the Nix that made it, or a newer regd"
#define UNFINISHED \
    ": it is not a finished Nix database; restore it, or move it and schema away and register again"

/* The tables as store.sql has them, so that a case can make one that differs in one place. */
#define VALID_PATHS(id, path)                                                                   \
    "drop table ValidPaths; create table ValidPaths (" id ", " path ", hash text not null, "    \
    "registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs " \
    "text, ca text)"
#define ID            "id integer primary key autoincrement not null"
#define PATH          "path text unique not null"
#define REFS(columns) "drop table Refs; create table Refs (" columns ")"
#define BOTH          "referrer integer not null, reference integer not null"
#define KEY           ", primary key (referrer, reference)"

static void remove_database(void)
{
    static const char *const names[] = { "db.sqlite", "schema", "big-lock" };
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[32];
        snprintf(path, sizeof path, "state/db/%s", names[i]);
        unlinkat(check_directory(), path, 0);
    }
}

static void tables_that_are_not_as_nix_makes_them_are_refused(struct arena arena)
{
    static const struct {
        const char *sql, *sentence;
    } rows[] = {
        { VALID_PATHS("id text primary key not null", PATH),
          "db.sqlite: table ValidPaths: column 'id' has another type than Nix gives it" NEWER },
        { VALID_PATHS("id integer primary key not null", PATH),
          "db.sqlite: table ValidPaths: column 'id' does not number the rows" NEWER },
        { VALID_PATHS(ID, "path text unique"),
          "db.sqlite: table ValidPaths: column 'path' may be null" NEWER },
        { VALID_PATHS(ID, "path text unique not null collate nocase"),
          "db.sqlite: table ValidPaths: column 'path' does not compare bytes" NEWER },
        { VALID_PATHS(ID, "path blob unique not null"),
          "db.sqlite: table ValidPaths: column 'path' has another type than Nix gives it" NEWER },
        { VALID_PATHS(ID, "path unique not null"),
          "db.sqlite: table ValidPaths: column 'path' has another type than Nix gives it" NEWER },
        { VALID_PATHS(ID, "path text not null"),
          "db.sqlite: table ValidPaths: key 'path' is not unique, as Nix makes it" NEWER },
        /* Unique for those who do not tell 'a' from 'A'. */
        { VALID_PATHS(
              ID,
              "path text not null") "; create unique index x on ValidPaths (path collate nocase)",
          "db.sqlite: table ValidPaths: key 'path' is not unique, as Nix makes it" NEWER },
        { REFS(BOTH),
          "db.sqlite: table Refs: key 'referrer,reference' is not unique, as Nix makes it" NEWER },
        { REFS(BOTH ", more integer not null, primary key (referrer, reference, more)"),
          "db.sqlite: table Refs: column 'more' must be given, and is unknown" NEWER },
        { REFS(BOTH ", x default (abs(1))" KEY),
          "db.sqlite: table Refs: column 'x' has a computed default" NEWER },
        { REFS(BOTH ", x as (referrer + 1)" KEY),
          "db.sqlite: table Refs: column 'x' is generated" NEWER },
        { REFS("referrer integer not null, reference as (1) stored, primary key (referrer)"),
          "db.sqlite: table Refs: column 'reference' has another type than Nix gives it" NEWER },
        { REFS(BOTH
               ", a23456789a123456789a123456789a123456789a123456789a123456789a12345 not null" KEY),
          "db.sqlite: table Refs: column 'a23456789a123456789a123456789a123456789a123456789a123456789a1234' must be given, and is unknown" NEWER },
        { "create index x on Refs (abs(reference))",
          "db.sqlite: table Refs: index 'x' is of an expression" NEWER },
        { "create index x on Refs (reference) where reference > 1",
          "db.sqlite: table Refs: index 'x' is of some rows only" NEWER },
        { "drop table Refs; create view Refs as select 1 as referrer, 2 as reference",
          "db.sqlite: access to view \"Refs\" prohibited" UNFINISHED },
        { "drop table Refs; create virtual table Refs using fts5 (referrer, reference)",
          "db.sqlite: no such table: main.Refs" UNFINISHED },
        { "alter table ValidPaths rename column ca to ac",
          "db.sqlite: no such table column: ValidPaths.ca" UNFINISHED },
        { "drop table Refs", "db.sqlite: no such table: main.Refs" UNFINISHED },
        { "drop table DerivationOutputs",
          "db.sqlite: no such table: main.DerivationOutputs" UNFINISHED },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].sql);
        remove_database();
        check_sql(rows[i].sql, arena);
        check_database_refused(&store, rows[i].sentence, arena);
    }
}

static void additions_that_need_nothing_are_worked_with(struct arena arena)
{
    static const char *const additions[] = {
        "alter table ValidPaths add column provenance text",
        "alter table ValidPaths add column other integer not null default 3",
        "alter table ValidPaths add column text text default 'now() is (not) called'",
        "create index IndexReferrer on Refs (referrer)",
        "create index Hashes on ValidPaths (hash desc)",
        REFS(
            "reference integer not null, referrer integer not null, unique (reference), "
            "primary key (referrer, reference)") "; create index IndexReference on Refs (reference)",
        REFS(BOTH KEY) " without rowid",
        REFS(BOTH KEY) " strict",
        REFS("REFERRER Integer not null, Reference INTEGER not null" KEY),
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (size_t i = 0; i < COUNT(additions); i++) {
        cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
        check_about("%s", additions[i]);
        remove_database();
        check_sql(additions[i], arena);
        CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
        store_db_close(&db);
        CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    }
}

static void the_names_of_our_tables_have_no_case(void)
{
    static const struct {
        struct str name;
        bool is_ours;
    } rows[] = {
        { { "ValidPaths", 10 }, true }, { { "validpaths", 10 }, true },
        { { "REFS", 4 }, true },        { { "DerivationOutputs", 17 }, true },
        { { "Ref", 3 }, false },        { { "Refs2", 5 }, false },
        { { "", 0 }, false },           { { "Realisations", 12 }, false },
        { { "Refs\0", 5 }, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%.*s", STR_ARG(rows[i].name));
        CHECK(store_db_shape_is_ours(rows[i].name) == rows[i].is_ours);
    }
}

static void four_names_are_kept_and_all_are_counted(void)
{
    char text[100];
    struct store_db_unknown unknown = { 0 };
    memset(text, 'n', sizeof text);
    store_db_unknown_add(&unknown, "table", STR("A"));
    CHECK_STR(unknown.text, "table 'A'");
    for (int i = 0; i < 9; i++)
        store_db_unknown_add(&unknown, "index", (struct str){ text, sizeof text });
    CHECK_NUMBER(unknown.count, 10);
    CHECK_NUMBER(strlen(unknown.text), strlen("table 'A'") + 3 * (strlen(", index ''") + 64));
}

int main(void)
{
    return CHECK_ALL(CASE(tables_that_are_not_as_nix_makes_them_are_refused),
                     CASE(additions_that_need_nothing_are_worked_with),
                     CASE(the_names_of_our_tables_have_no_case),
                     CASE(four_names_are_kept_and_all_are_counted));
}
