#include "tests/check_calls.h"

#include "regd/command.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"

#include <unistd.h>

#define D CHECK_DIGEST
#define P "/nix/store/" D

/* What `regd dump` prints; what it tells beside. */
static struct str dump(bool json, const char *name, struct str *ret_told, struct arena *arena)
{
    struct command command = { .settings = { .json = json } };
    if (name)
        option_list_add(&command.arguments, name, arena);
    struct check_run run = check_run(command_dump, &command, arena);
    *ret_told = run.told;
    CHECK_DONE(run.done);
    return run.output;
}

#define FILLING                               \
    CHECK_ADD(1, "b")                         \
    CHECK_ADD(2, "a")                         \
    "insert into Refs values (1, 2), (1, 1);" \
    "update ValidPaths set deriver = '" P "-x.drv', sigs = 'k:AAAA', ultimate = 1 where id = 2"

/* As `nix-store --dump-db` prints it. */
static void rows_are_a_manifest(struct arena arena)
{
    struct str told;
    check_sql(FILLING, arena);
    CHECK_STR(dump(false, NULL, &told, &arena),
              P "-a\n" CHECK_HASH_HEX "\n100\n" P "-x.drv\n0\n" P "-b\n" CHECK_HASH_HEX
                "\n100\n\n2\n" P "-a\n" P "-b\n");
    CHECK_STR(told, "");
    CHECK_STR(dump(false, P "-a", &told, &arena),
              P "-a\n" CHECK_HASH_HEX "\n100\n" P "-x.drv\n0\n");
}

static void json_says_what_a_manifest_cannot(struct arena arena)
{
    struct str told;
    struct path_list list = { 0 };
    check_sql(FILLING, arena);
    struct str text = dump(true, NULL, &told, &arena);
    CHECK_DONE(path_info_json_parse(text, STR("/nix/store"), &arena, &list, check_error));
    path_list_normalise(&list, arena);
    if (!CHECK_NUMBER(list.count, 2))
        return;
    CHECK_STR(list.items[0].signatures, "k:AAAA");
    CHECK(list.items[0].is_ultimate && !list.items[1].is_ultimate);
}

static void odd_rows_are_left_out_with_a_word(struct arena arena)
{
    struct str told;
    check_sql(FILLING "; update ValidPaths set hash = 'x' where id = 2; delete from Refs", arena);
    CHECK_STR(dump(false, NULL, &told, &arena), P "-b\n" CHECK_HASH_HEX "\n100\n\n0\n");
    CHECK_STR(told, "regd: warning: 1 row of the database omitted as unusable; 'regd verify' "
                    "lists them\n");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    struct command all = { 0 }, one = { 0 };
    check_sql(FILLING, arena);
    option_list_add(&one.arguments, P "-a", &arena);
    CHECK(check_calls_run(command_dump, &all, arena) > 10);
    CHECK(check_calls_run(command_dump, &one, arena) > 10);
}

int main(void)
{
    return CHECK_ALL(CASE(rows_are_a_manifest), CASE(json_says_what_a_manifest_cannot),
                     CASE(odd_rows_are_left_out_with_a_word),
                     CASE(each_call_that_fails_is_a_sentence));
}
