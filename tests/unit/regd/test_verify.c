#include "tests/check_calls.h"

#include "regd/command.h"
#include "schema/base/json.h"
#include "schema/base/own.h"

#include <sys/stat.h>
#include <unistd.h>

#define D CHECK_DIGEST
#define P "/nix/store/" D

/* The NAR of a file with "hello", as `nix-store --dump` writes it: its SHA-256; it has 120 bytes. */
#define HELLO "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969"

#define ADD(name, hash, size)                                                             \
    "insert into ValidPaths (path, hash, registrationTime, narSize) values ('" P "-" name \
    "', 'sha256:" hash "', 1, " size ");"

/* What `regd verify` prints, and then what it says. */
static struct str verify(bool json, const char *name, unsigned jobs, struct arena *arena)
{
    struct command command = { .settings = { .json = json, .jobs = jobs } };
    if (name)
        option_list_add(&command.arguments, name, arena);
    struct check_run run = check_run(command_verify, &command, arena);
    return json ? run.output
                : arena_format(arena, "%.*s%.*s", STR_ARG(run.output),
                               STR_ARG(run.done ? run.told : str_from(check_error->sentence)));
}

static void a_store_as_registered_is_in_order(struct arena arena)
{
    check_sql(ADD("a", HELLO, "120") ADD("b", HELLO, "null"), arena);
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/" D "-b", STR("hello"));
    for (unsigned jobs = 1; jobs <= 4; jobs++)
        CHECK_STR(verify(false, NULL, jobs, &arena), "regd: 2 paths verified, all as registered\n");
}

/* One of each kind. */
static void break_store(struct arena arena)
{
    check_sql(ADD("a", CHECK_HASH_HEX, "120") ADD("b", HELLO, "121") ADD("c", HELLO, "120")
                  ADD("d", HELLO, "120") ADD("e", HELLO, "120"),
              arena);
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/" D "-b", STR("hello"));
    CHECK(mkfifoat(check_directory(), "nix/store/" D "-d", 0600) == 0);
    check_file("nix/store/" D "-e", STR("hello"));
    check_file("nix/store/stray", STR(""));
    check_file("nix/store/.links", STR(""));
    check_file("nix/store/" D "-x.lock", STR(""));
}

static double number_of(const cJSON *root, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(root, key));
}

static void each_kind_of_damage_is_found(struct arena arena)
{
    break_store(arena);
    for (unsigned jobs = 1; jobs <= 3; jobs++) {
        struct str text = verify(false, NULL, jobs, &arena);
        CHECK(
            str_ends(text, STR("4 of 5 paths are not as registered: 1 mismatched, 1 wrong size, 1 "
                               "missing, 1 unreadable, 1 stray")));
    }
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(json_parse(verify(true, NULL, 2, &arena), &root, check_error)))
        return;
    CHECK_NUMBER(number_of(root, "paths"), 5);
    CHECK_NUMBER(number_of(root, "ok"), 1);
    static const char *const kinds[] = { "mismatched", "wrongSize", "missing", "unreadable",
                                         "strays" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_about("%s", kinds[i]);
        CHECK_NUMBER(cJSON_GetArraySize(cJSON_GetObjectItem(root, kinds[i])), 1);
    }
}

static void a_named_path_is_verified_alone(struct arena arena)
{
    break_store(arena);
    CHECK_STR(verify(false, P "-e", 1, &arena), "regd: 1 path verified, all as registered\n");
    CHECK_STR(verify(false, P "-c", 1, &arena),
              "missing: " P "-c\n1 of 1 paths are not as registered: 1 missing");
}

static void strays_alone_are_no_failure(struct arena arena)
{
    check_sql(ADD("a", HELLO, "120"), arena);
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/stray", STR(""));
    CHECK_STR(verify(false, NULL, 1, &arena),
              "stray: /nix/store/stray\n"
              "regd: 1 path verified, all as registered; not valid paths: 1 stray\n");
}

static void odd_rows_are_findings(struct arena arena)
{
    check_sql(ADD("a", HELLO, "120")
                  ADD("b", HELLO, "120") "update ValidPaths set hash = 'x' where "
                                         "path = '" P "-b'",
              arena);
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/" D "-b", STR("hello"));
    struct str text = verify(false, NULL, 1, &arena);
    CHECK(str_starts(text, STR("odd row: ValidPaths (2")));
    CHECK(str_ends(text, STR("1 path verified, all as registered; in the database: 1 odd row")));
}

static void without_a_store_or_database_it_is_refused(struct arena arena)
{
    CHECK_STR(verify(false, NULL, 1, &arena), "there is no Nix database in /state; 'regd register' "
                                              "creates one");
    check_sql(ADD("a", HELLO, "120"), arena);
    CHECK_STR(verify(false, NULL, 1, &arena),
              "open the store /nix/store: No such file or directory");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    struct command command = { .settings = { .jobs = 1 } };
    check_sql(ADD("a", HELLO, "120"), arena);
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/stray", STR(""));
    CHECK(check_calls_run(command_verify, &command, arena) > 20);
}

int main(void)
{
    return CHECK_ALL(CASE(a_store_as_registered_is_in_order), CASE(each_kind_of_damage_is_found),
                     CASE(a_named_path_is_verified_alone), CASE(strays_alone_are_no_failure),
                     CASE(odd_rows_are_findings), CASE(without_a_store_or_database_it_is_refused),
                     CASE(each_call_that_fails_is_a_sentence));
}
