#include "tests/check_calls.h"
#include "tests/check_sqlite.h"
#include "tests/check_store.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"
#include "schema/registry/registry.h"

#define D                        CHECK_DIGEST
#define P                        "/nix/store/" D
#define RECORD(name, references) P "-" name "\n" CHECK_HASH_HEX "\n100\n\n" references

/* a refers to b, b to c and itself. */
#define CHAIN RECORD("a", "1\n" P "-b\n") RECORD("b", "2\n" P "-b\n" P "-c\n") RECORD("c", "0\n")

#define ROWS                                                                          \
    "select v.path, group_concat(r.reference) from ValidPaths v left join Refs r on " \
    "r.referrer = v.id group by v.id order by v.path"

#define ROWS_AND_SIZES                                                                         \
    "select v.path, narSize, group_concat(r.reference) from ValidPaths v left join Refs r on " \
    "r.referrer = v.id group by v.id order by v.path"

static bool merge(const char *manifest, enum registry_missing missing, enum registry_loader loader,
                  struct arena *arena, struct registry_result *ret_result)
{
    struct path_list list = { 0 };
    struct registry_options options = { .missing = missing, .loader = loader };
    cleanup(check_store_close) struct store store = check_store(arena);
    if (!CHECK_DONE(
            manifest_parse(str_from(manifest), STR("/nix/store"), arena, &list, check_error)))
        return false;
    path_list_normalise(&list, *arena);
    return registry_merge(&store, &list, &options, arena, ret_result, check_error);
}

static bool is_there(const char *path)
{
    return faccessat(check_directory(), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void both_loaders_make_the_same_rows(struct arena arena)
{
    static const enum registry_loader loaders[] = { REGISTRY_LOADER_FILE, REGISTRY_LOADER_SQL };
    for (size_t i = 0; i < 2; i++) {
        struct registry_result result = { 0 };
        CHECK_DONE(merge(CHAIN, REGISTRY_MISSING_ACCEPT, loaders[i], &arena, &result));
        CHECK_NUMBER(result.path_count, 3);
        CHECK_NUMBER(result.added, 3);
        CHECK_NUMBER(result.references_added, 3);
        CHECK_STR(check_rows(ROWS, &arena), "\n" P "-a|2\n" P "-b|2,3\n" P "-c|");
        CHECK_STR(check_rows("pragma integrity_check", &arena), "\nok");
        CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
        CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0);
    }
}

static void a_second_merge_changes_nothing(struct arena arena)
{
    struct registry_result result = { 0 };
    CHECK_DONE(merge(CHAIN, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE, &arena, &result));
    struct str before = check_rows("select * from ValidPaths, Refs", &arena);
    CHECK_DONE(merge(CHAIN, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE, &arena, &result));
    CHECK_NUMBER(result.added, 0);
    CHECK_NUMBER(result.updated, 0);
    CHECK_NUMBER(result.references_added, 0);
    CHECK_STR(check_rows("select * from ValidPaths, Refs", &arena), before);
}

static void new_paths_refer_to_valid_ones(struct arena arena)
{
    struct registry_result result = { 0 };
    check_sql(CHECK_ADD(50, "z"), arena);
    CHECK_DONE(merge(RECORD("a", "1\n" P "-z\n"), REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE,
                     &arena, &result));
    CHECK_STR(check_rows("select id, path from ValidPaths order by id", &arena),
              "\n50|" P "-z\n51|" P "-a");
    CHECK_STR(check_rows("select * from Refs", &arena), "\n51|50");
}

static void a_reference_to_nothing_is_refused(struct arena arena)
{
    struct registry_result result = { .added = 77 };
    static const char sentence[] =
        "'" D "-a' refers to '" D "-z', which is neither in the manifest nor valid";
    CHECK_REFUSED(merge(RECORD("a", "1\n" P "-z\n"), REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE,
                        &arena, &result),
                  sentence);
    CHECK(!is_there("state"));
    check_sql(CHECK_ADD(1, "y"), arena);
    CHECK_REFUSED(merge(RECORD("a", "1\n" P "-z\n"), REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE,
                        &arena, &result),
                  sentence);
    CHECK_STR(check_rows("select id from ValidPaths", &arena), "\n1");
    CHECK_NUMBER(result.added, 77);
}

static void a_cycle_is_refused(struct arena arena)
{
    struct registry_result result;
    CHECK(!merge(RECORD("a", "1\n" P "-b\n") RECORD("b", "1\n" P "-a\n"), REGISTRY_MISSING_ACCEPT,
                 REGISTRY_LOADER_FILE, &arena, &result));
    CHECK(str_ends(str_from(check_error->sentence), STR(" refer to each other in a cycle")));
    CHECK(!is_there("state"));
}

static void missing_paths_are_refused_by_name(struct arena arena)
{
    struct registry_result result;
    CHECK_REFUSED(merge(CHAIN RECORD("d", "0\n"), REGISTRY_MISSING_REFUSE, REGISTRY_LOADER_FILE,
                        &arena, &result),
                  "4 of 4 paths are not in /nix/store: '" D "-a', '" D "-b', '" D "-c', …");
    check_file("nix/store/" D "-b", STR(""));
    CHECK_REFUSED(merge(CHAIN, REGISTRY_MISSING_REFUSE, REGISTRY_LOADER_FILE, &arena, &result),
                  "2 of 3 paths are not in /nix/store: '" D "-a', '" D "-c'");
    CHECK(!is_there("state"));
}

static void what_depends_on_missing_paths_is_left_out_too(struct arena arena)
{
    struct registry_result result = { 0 };
    check_file("nix/store/" D "-a", STR(""));
    check_file("nix/store/" D "-b", STR(""));
    check_file("nix/store/" D "-d", STR(""));
    CHECK_DONE(merge(CHAIN RECORD("d", "0\n"), REGISTRY_MISSING_SKIP, REGISTRY_LOADER_FILE, &arena,
                     &result));
    CHECK_NUMBER(result.added, 1);
    CHECK_NUMBER(result.missing_count, 1);
    if (CHECK_NUMBER(result.left_out_count, 3)) {
        CHECK_STR(result.left_out[0], D "-c");
        CHECK_STR(result.left_out[1], D "-b");
        CHECK_STR(result.left_out[2], D "-a");
    }
    CHECK_STR(check_rows("select id, path from ValidPaths order by id", &arena), "\n1|" P "-d");
}

/* One of tests/data/derivation, as Nix made it. */
#define FLAT "7dz7h6120annm7nryknq1zhdanwbbgmm-flat-sha256.drv"

static void outputs_of_derivations_are_registered(struct arena arena)
{
    struct registry_result result = { 0 };
    struct str text;
    CHECK_DONE(file_read(AT_FDCWD, check_data(&arena, "derivation/" FLAT), 1 << 16, &arena, &text,
                         check_error));
    check_file("nix/store/" FLAT, text);
    CHECK_DONE(merge("/nix/store/" FLAT "\n" CHECK_HASH_HEX "\n100\n\n0\n", REGISTRY_MISSING_ACCEPT,
                     REGISTRY_LOADER_FILE, &arena, &result));
    CHECK_STR(check_rows("select * from DerivationOutputs", &arena),
              "\n1|out|/nix/store/lg724jggrrh3bb0fd34ma56dpl6i3g2j-flat-sha256");
}

static void a_derivation_that_is_not_there_is_refused(struct arena arena)
{
    struct registry_result result;
    static const char manifest[] = "/nix/store/" FLAT "\n" CHECK_HASH_HEX "\n100\n\n0\n";
    CHECK_REFUSED(merge(manifest, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE, &arena, &result),
                  "open the store /nix/store: No such file or directory");
    check_make_directory("nix/store");
    CHECK_REFUSED(merge(manifest, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_FILE, &arena, &result),
                  "open the derivation " FLAT ": No such file or directory");
    CHECK(!is_there("state/db/db.sqlite"));
}

static void an_empty_list_makes_an_empty_database(struct arena arena)
{
    struct registry_result result = { 0 };
    CHECK_DONE(merge("", REGISTRY_MISSING_REFUSE, REGISTRY_LOADER_FILE, &arena, &result));
    CHECK_STR(check_rows("select count(*) from ValidPaths", &arena), "\n0");
    CHECK(is_there("state/db/schema"));
}

/* Whichever system call fails: all rows are there or none, and a merge tried again completes it. */
static void each_call_that_fails_leaves_all_or_nothing(struct arena arena)
{
    static const enum registry_loader loaders[] = { REGISTRY_LOADER_FILE, REGISTRY_LOADER_SQL };
    for (size_t i = 0; i < 2; i++) {
        bool has_failed = true;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            struct registry_result result;
            struct path_list list = { 0 };
            struct registry_options options = { .missing = REGISTRY_MISSING_ACCEPT,
                                                .loader = loaders[i] };
            cleanup(check_store_close) struct store store = check_store(&scratch);
            check_about("loader %zu, call %zu", i, number);
            CHECK_DONE(manifest_parse(STR(CHAIN), STR("/nix/store"), &scratch, &list, check_error));
            path_list_normalise(&list, scratch);
            check_calls_fail(number);
            bool done = registry_merge(&store, &list, &options, &scratch, &result, check_error);
            has_failed = check_calls_end();
            if (is_there("state/db/db.sqlite") && is_there("state/db/schema"))
                CHECK_STR(check_rows(ROWS, &scratch), "\n" P "-a|2\n" P "-b|2,3\n" P "-c|");
            else
                CHECK(!done);
            CHECK_DONE(registry_merge(&store, &list, &options, &scratch, &result, check_error));
            CHECK_STR(check_rows("pragma integrity_check", &scratch), "\nok");
            CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
            CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0);
        }
    }
}

/* Whichever of SQLite's functions fails, on a database that has rows: the rows are as they were, or as
 * they are to be, and a merge tried again completes it. */
static void each_function_of_sqlite_that_fails_leaves_all_or_nothing(struct arena arena)
{
    static const char manifest[] = RECORD("a", "1\n" P "-b\n") RECORD("b", "1\n" P "-b\n");
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        struct registry_result result;
        check_about("function %zu", number);
        check_sql(CHECK_ADD(1, "a")
                      CHECK_ADD(2, "z") "update ValidPaths set narSize = 1 where id = 1",
                  scratch);
        struct str before = check_rows(ROWS_AND_SIZES, &scratch);
        check_sqlite_fail(number);
        bool done =
            merge(manifest, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_SQL, &scratch, &result);
        has_failed = check_sqlite_end();
        failures += !done;
        CHECK(done || (has_failed && check_error->sentence[0]));
        struct str after = check_rows(ROWS_AND_SIZES, &scratch);
        CHECK_DONE(
            merge(manifest, REGISTRY_MISSING_ACCEPT, REGISTRY_LOADER_SQL, &scratch, &result));
        struct str whole = check_rows(ROWS_AND_SIZES, &scratch);
        CHECK(str_equal(after, whole) || (!done && str_equal(after, before)));
        CHECK_STR(check_rows("select count(*) from ValidPaths", &scratch), "\n3");
        CHECK_STR(check_rows("pragma integrity_check", &scratch), "\nok");
        CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
        unlinkat(check_directory(), "state/db/schema", 0);
    }
    CHECK(failures > 10);
}

int main(void)
{
    return CHECK_ALL(CASE(both_loaders_make_the_same_rows), CASE(a_second_merge_changes_nothing),
                     CASE(new_paths_refer_to_valid_ones), CASE(a_reference_to_nothing_is_refused),
                     CASE(a_cycle_is_refused), CASE(missing_paths_are_refused_by_name),
                     CASE(what_depends_on_missing_paths_is_left_out_too),
                     CASE(outputs_of_derivations_are_registered),
                     CASE(a_derivation_that_is_not_there_is_refused),
                     CASE(an_empty_list_makes_an_empty_database),
                     CASE(each_call_that_fails_leaves_all_or_nothing),
                     CASE(each_function_of_sqlite_that_fails_leaves_all_or_nothing));
}
