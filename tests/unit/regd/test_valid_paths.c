#include "tests/check_store.h"

#include "regd/valid_paths.h"

#include <unistd.h>

#define D CHECK_DIGEST
#define P "/nix/store/" D

struct result {
    struct path_list list;
    struct odd_rows odd;
};

static bool read_paths(const char *const *names, bool dangling, struct result *ret_read,
                       struct arena *arena)
{
    struct command command = { .store = check_store(arena), .arena = arena, .collector = -1 };
    for (; *names; names++)
        option_list_add(&command.arguments, *names, arena);
    bool done = valid_paths_read(&command, dangling, &ret_read->list, &ret_read->odd, check_error);
    check_store_close(&command.store);
    return done;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void all_are_read_and_normalised(struct arena arena)
{
    struct result got;
    check_sql(CHECK_ADD(1, "b") CHECK_ADD(2, "a") "insert into Refs values (1, 2), (1, 1)", arena);
    if (!CHECK_DONE(read_paths(NAMES(), false, &got, &arena)) || !CHECK_NUMBER(got.list.count, 2))
        return;
    CHECK_STR(got.list.items[0].base, D "-a");
    CHECK_STR(got.list.items[1].base, D "-b");
    CHECK_NUMBER(got.list.items[1].reference_count, 2);
    CHECK_NUMBER(got.list.items[1].references[0], 0);
    CHECK_NUMBER(got.odd.count, 0);
}

static void named_ones_are_read_once(struct arena arena)
{
    struct result got;
    check_sql(CHECK_ADD(1, "b") CHECK_ADD(2, "a") CHECK_ADD(3, "c"), arena);
    check_make_directory("run");
    CHECK(symlinkat(P "-a", check_directory(), "run/current-system") == 0);
    if (!CHECK_DONE(
            read_paths(NAMES(P "-b", "/run/current-system", P "-b/bin/x"), false, &got, &arena)) ||
        !CHECK_NUMBER(got.list.count, 2))
        return;
    CHECK_STR(got.list.items[0].base, D "-a");
    CHECK_STR(got.list.items[1].base, D "-b");
}

static void rows_that_belong_to_no_path_are_told_if_wanted(struct arena arena)
{
    struct result got;
    check_sql(CHECK_ADD(1, "a") "pragma foreign_keys = 0; insert into Refs values (1, 9)", arena);
    CHECK_DONE(read_paths(NAMES(), false, &got, &arena));
    CHECK_NUMBER(got.odd.count, 0);
    CHECK_DONE(read_paths(NAMES(), true, &got, &arena));
    CHECK_NUMBER(got.odd.count, 1);
}

static void what_is_not_valid_is_refused(struct arena arena)
{
    struct result got = { .list = { .count = 77 } };
    CHECK_REFUSED(read_paths(NAMES(), false, &got, &arena), "there is no Nix database in /state; "
                                                            "'regd register' creates one");
    check_sql(CHECK_ADD(1, "a"), arena);
    CHECK_REFUSED(read_paths(NAMES(P "-b"), false, &got, &arena),
                  "'" P "-b' is not a valid store path");
    CHECK_NUMBER(got.list.count, 77);
}

static void a_named_path_with_an_odd_row_is_refused(struct arena arena)
{
    struct result got;
    check_sql(CHECK_ADD(1, "a") "update ValidPaths set hash = 'x'", arena);
    CHECK(!read_paths(NAMES(P "-a"), false, &got, &arena));
    CHECK_DONE(read_paths(NAMES(), false, &got, &arena));
    CHECK_NUMBER(got.list.count, 0);
    CHECK_NUMBER(got.odd.count, 1);
}

int main(void)
{
    return CHECK_ALL(CASE(all_are_read_and_normalised), CASE(named_ones_are_read_once),
                     CASE(rows_that_belong_to_no_path_are_told_if_wanted),
                     CASE(what_is_not_valid_is_refused),
                     CASE(a_named_path_with_an_odd_row_is_refused));
}
