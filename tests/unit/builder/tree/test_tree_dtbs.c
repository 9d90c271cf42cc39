#include "builder/tree/tree_dtbs.h"

#include "schema/base/own.h"
#include "tests/check_store.h"

#define BASE  CHECK_DIGEST "-system"
#define BELOW "nix/store/" BASE "/dtbs"

static bool find(const char *name, struct arena *arena, struct tree_dtbs *ret_dtbs)
{
    cleanup(check_store_close) struct store store = check_store(arena);
    return tree_dtbs_find(&store, STR(BASE), name, arena, ret_dtbs, check_error);
}

static void all_are_found_in_order_or_one(struct arena arena)
{
    static const char *const names[] = { "B/x.dtb", "a.dtb", "a/y.dtb", "overlays/a,b c.dtbo" };
    struct tree_dtbs all, one;
    for (size_t i = 4; i > 0; i--)
        check_file(arena_format(&arena, BELOW "/%s", names[i - 1]).data, STR("tree"));
    if (!CHECK_DONE(find("all", &arena, &all)) || !CHECK_DONE(find("a/y.dtb", &arena, &one)))
        return;
    CHECK(!all.is_one && one.is_one);
    CHECK_STR(all.directory, "/" BELOW);
    if (CHECK_NUMBER(all.names.count, 4) && CHECK_NUMBER(one.names.count, 1)) {
        for (size_t i = 0; i < 4; i++)
            CHECK_STR(all.names.items[i], names[i]);
        CHECK_STR(one.names.items[0], "a/y.dtb");
    }
}

static void names_that_a_loader_does_not_read_are_refused(struct arena arena)
{
    static const char *const names[] = { "", "/a", "a/", "../a", "a//b", "a b", "a\nb", "-a" };
    check_file(BELOW "/a b", STR("tree"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tree_dtbs dtbs;
        CHECK_REFUSED(find(names[i], &arena, &dtbs),
                      arena_format(&arena,
                                   "--dtb expects 'all' or a name such as vendor/board.dtb, not "
                                   "'%s'",
                                   names[i]));
    }
}

static void what_is_not_there_is_refused(struct arena arena)
{
    struct tree_dtbs dtbs;
    check_make_directory("nix/store/" BASE);
    CHECK_REFUSED(find("all", &arena, &dtbs),
                  "open the system's device trees, /" BELOW ": No such file or directory");
    check_make_directory(BELOW "/maker");
    CHECK_REFUSED(find("all", &arena, &dtbs), "/" BELOW " has no device trees");
    CHECK_REFUSED(find("board.dtb", &arena, &dtbs),
                  "the system has no device tree /" BELOW "/board.dtb");
    CHECK_REFUSED(find("maker", &arena, &dtbs), "/" BELOW "/maker is not a file");
    check_file(BELOW "/.hidden", STR("tree"));
    CHECK_REFUSED(find("all", &arena, &dtbs),
                  "/" BELOW ": '.hidden' cannot be a name of a tree's file");
}

int main(void)
{
    return CHECK_ALL(CASE(all_are_found_in_order_or_one),
                     CASE(names_that_a_loader_does_not_read_are_refused),
                     CASE(what_is_not_there_is_refused));
}
