#include "tests/check_calls.h"
#include "tests/check_sqlite.h"

#include "schema/base/own.h"
#include "schema/registry/vanished.h"

#define D CHECK_DIGEST

#define REF(referrer, reference) "insert into Refs values (" #referrer ", " #reference ");"

struct example {
    struct store store;
    struct store_db db;
    struct path_list list;
    struct presence presence;
};

static void release(struct example *example)
{
    store_db_close(&example->db);
    check_store_close(&example->store);
}

/* Opens the database, to which the SQL has been applied, and looks into the store. */
static bool begin(struct example *example, const char *sql, struct arena *arena)
{
    *example = (struct example){ .store = check_store(arena), .db = STORE_DB_CLOSED };
    example->presence = (struct presence){ .list = &example->list, .sees_all = true };
    check_make_directory("nix/store");
    check_sql(sql, *arena);
    return CHECK_DONE(presence_scan(&example->store, arena, &example->presence, check_error)) &&
           CHECK_DONE(store_db_open_write(&example->store, *arena, &example->db, check_error));
}

/* What is forgotten, each behind a '-', and what is kept, with what needs it. */
static struct str forget(struct example *example, struct arena *arena)
{
    struct vanished vanished;
    struct str text = STR("");
    if (!CHECK_DONE(
            vanished_forget(&example->db, &example->presence, arena, &vanished, check_error)) ||
        !CHECK_DONE(store_db_commit(&example->db, check_error)))
        return STR("failed");
    for (size_t i = 0; i < vanished.forgotten_count; i++)
        text =
            arena_format(arena, "%.*s%s", STR_ARG(text), vanished.forgotten[i].data + sizeof D - 1);
    for (size_t i = 0; i < vanished.needed_count; i++) {
        struct str by = vanished.needed[i].needed_by;
        by = str_starts(by, STR(D "-")) ? str_skip(by, sizeof D) : by;
        text = arena_format(arena, "%.*s %s<%.*s", STR_ARG(text),
                            vanished.needed[i].path.data + sizeof D, STR_ARG(by));
    }
    return text;
}

static struct str rows(struct arena *arena)
{
    return check_rows(
        "select 'p', id, '' from ValidPaths union all select 'r', referrer, reference "
        "from Refs union all select 'o', drv, id from DerivationOutputs order by 1, 2, 3",
        arena);
}

static void what_is_there_stays(struct arena arena)
{
    cleanup(release) struct example example;
    check_file("nix/store/" D "-a", STR(""));
    check_make_directory("nix/store/" D "-b");
    if (!begin(&example, CHECK_ADD(1, "a") CHECK_ADD(2, "b") REF(1, 1) REF(1, 2), &arena))
        return;
    CHECK_STR(forget(&example, &arena), "");
    CHECK_STR(rows(&arena), "\np|1|\np|2|\nr|1|1\nr|1|2");
}

static void what_is_gone_goes_with_its_rows(struct arena arena)
{
    cleanup(release) struct example example;
    check_file("nix/store/" D "-a", STR(""));
    if (!begin(
            &example,
            CHECK_ADD(1, "a") CHECK_ADD(2, "b") CHECK_ADD(3, "c.drv") REF(2, 2) REF(2, 3) REF(2, 1)
                REF(3, 3) "insert into DerivationOutputs values (3, 'out', '/nix/store/" D "-b');",
            &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-b-c.drv");
    CHECK_STR(rows(&arena), "\np|1|");
}

/* 1 is there and refers to 2, which refers to 3; 4 refers to 3, and nothing to 4. */
static void what_is_needed_stays(struct arena arena)
{
    cleanup(release) struct example example;
    check_file("nix/store/" D "-a", STR(""));
    if (!begin(&example,
               CHECK_ADD(1, "a") CHECK_ADD(2, "b") CHECK_ADD(3, "c") CHECK_ADD(4, "d") REF(1, 2)
                   REF(2, 3) REF(4, 3) REF(3, 3),
               &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-d b<a c<b");
    CHECK_STR(rows(&arena), "\np|1|\np|2|\np|3|\nr|1|2\nr|2|3\nr|3|3");
}

static void a_cycle_that_nobody_needs_goes(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(1, "a") CHECK_ADD(2, "b") REF(1, 2) REF(2, 1), &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-a-b");
    CHECK_STR(rows(&arena), "");
}

/* A reference of a row that is not there needs nothing; and nor does one to such a row. */
static void rows_of_nothing_need_nothing(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(1, "a") REF(7, 1) REF(1, 8), &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-a");
    CHECK_STR(rows(&arena), "");
}

static void odd_rows_are_left_alone(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example,
               "insert into ValidPaths values (1, '/foo/" D
               "-a', 'x', 1, null, 1, null, null, null),"
               " (2, '/nix/store/b', 'x', 1, null, 1, null, null, null);" CHECK_ADD(3, "c")
                   CHECK_ADD(4, "d") REF(1, 3),
               &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-d c<a row without a legal path");
    CHECK_STR(rows(&arena), "\np|1|\np|2|\np|3|\nr|1|3");
}

/* As a builder registers a path after the store was read. */
static void what_came_since_stays(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(1, "a"), &arena))
        return;
    check_file("nix/store/" D "-a", STR(""));
    CHECK_STR(forget(&example, &arena), "");
    CHECK_STR(rows(&arena), "\np|1|");
}

#define REALISATIONS                                                                              \
    "create table Realisations (id integer primary key autoincrement not null, drvPath text not " \
    "null, outputName text not null, outputPath integer not null, signatures text);"              \
    "create table RealisationsRefs (referrer integer not null, realisationReference integer);"

static void realisations_go_with_their_paths(struct arena arena)
{
    cleanup(release) struct example example;
    check_file("nix/store/" D "-a", STR(""));
    if (!begin(&example,
               CHECK_ADD(1, "a") CHECK_ADD(2, "b") REALISATIONS
               "insert into Realisations values (1, 'x', 'out', 1, ''), (2, 'y', 'out', 2, '');"
               "insert into RealisationsRefs values (1, 1), (1, 2), (2, 1);",
               &arena))
        return;
    CHECK_STR(forget(&example, &arena), "-b");
    CHECK_STR(check_rows("select id from Realisations union all select referrer + 10 from "
                         "RealisationsRefs",
                         &arena),
              "\n1\n11");
}

/* What is needed, what is not, and a table that Nix makes later. */
static const char all_kinds[] = CHECK_ADD(1, "a") CHECK_ADD(2, "b") CHECK_ADD(3, "c")
    CHECK_ADD(4, "d") REF(1, 2) REF(2, 3) REF(4, 3) REF(3, 3) REALISATIONS
    "insert into Realisations values (1, 'x', 'out', 1, ''), (2, 'y', 'out', 4, '');"
    "insert into RealisationsRefs values (1, 1), (2, 2);";

static struct str all_rows(struct arena *arena)
{
    return arena_format(arena, "%.*s%.*s", STR_ARG(rows(arena)),
                        STR_ARG(check_rows("select id from Realisations union all select referrer "
                                           "+ 10 from RealisationsRefs",
                                           arena)));
}

/* Whichever function of SQLite or call of the system fails. */
static void a_failure_forgets_nothing(struct arena arena)
{
    static void (*const fail[])(size_t number) = { check_sqlite_fail, check_calls_fail };
    static bool (*const end[])(void) = { check_sqlite_end, check_calls_end };
    check_file("nix/store/" D "-a", STR(""));
    for (size_t kind = 0; kind < 2; kind++) {
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            struct vanished vanished;
            bool done;
            {
                cleanup(release) struct example example;
                if (!begin(&example, all_kinds, &scratch))
                    return;
                check_about("kind %zu, number %zu", kind, number);
                fail[kind](number);
                done = vanished_forget(&example.db, &example.presence, &scratch, &vanished,
                                       check_error);
                has_failed = end[kind]();
                failures += !done;
                if (done)
                    CHECK_DONE(store_db_commit(&example.db, check_error));
                else
                    CHECK(has_failed && check_error->sentence[0]);
                CHECK_NUMBER(vanished.forgotten_count, done ? 1 : 0);
            }
            CHECK_STR(all_rows(&scratch),
                      !done ? "\np|1|\np|2|\np|3|\np|4|\nr|1|2\nr|2|3\nr|3|3\nr|4|3\n1\n2\n11\n12"
                            : "\np|1|\np|2|\np|3|\nr|1|2\nr|2|3\nr|3|3\n1\n11");
            CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
        }
        CHECK(failures > (kind == 0 ? 20 : 3));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_there_stays), CASE(what_is_gone_goes_with_its_rows),
                     CASE(what_is_needed_stays), CASE(a_cycle_that_nobody_needs_goes),
                     CASE(rows_of_nothing_need_nothing), CASE(odd_rows_are_left_alone),
                     CASE(what_came_since_stays), CASE(realisations_go_with_their_paths),
                     CASE(a_failure_forgets_nothing));
}
