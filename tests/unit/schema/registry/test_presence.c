#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/nix/store_path.h"
#include "schema/registry/presence.h"

#include <sys/stat.h>

#include <dlfcn.h>

#define D CHECK_DIGEST

/* The names that a pass over a directory is shown: all, none, or none and this error. It stands in for the
 * C library's. */
static enum { SEES_ALL, SEES_NOTHING, SEES_ERROR } sight;

struct dirent *readdir(DIR *directory)
{
    static struct dirent *(*own)(DIR *);
    if (!own)
        own = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
    errno = sight == SEES_ERROR ? EIO : 0;
    return sight == SEES_ALL ? own(directory) : NULL;
}

static void whatever_has_the_name_is_present(struct arena arena)
{
    static const char *const bases[] = { D "-directory", D "-file", D "-link", D "-missing" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 4, &arena);
    struct presence presence = { .list = &list, .sees_all = true };
    check_make_directory("nix/store/" D "-directory");
    check_file("nix/store/" D "-file", STR(""));
    check_file("nix/store/" D "-other", STR(""));
    CHECK(symlinkat("nowhere", check_directory(), "nix/store/" D "-link") == 0);
    check_file("nix/store/.links", STR(""));
    CHECK_DONE(presence_scan(&store, &arena, &presence, check_error));
    CHECK(presence.is_there[0] && presence.is_there[1] && presence.is_there[2] &&
          !presence.is_there[3]);
    CHECK(presence_saw(&presence, STR(D "-link")) && !presence_saw(&presence, STR(D "-missing")));
    CHECK(presence_saw(&presence, STR(D "-other")) && !presence_saw(&presence, STR(D "-another")));
}

static void no_store_holds_nothing(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 1, &arena);
    struct presence presence = { .list = &list, .sees_all = true };
    CHECK_DONE(presence_scan(&store, &arena, &presence, check_error));
    CHECK(!presence.is_there[0]);
}

static void a_store_that_is_a_file_is_refused(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 1, &arena);
    struct presence presence = { .list = &list, .sees_all = true };
    check_file("nix/store", STR(""));
    CHECK_REFUSED(presence_scan(&store, &arena, &presence, check_error),
                  "open the store /nix/store: Not a directory");
}

/* As one does while a name is being replaced. */
static void what_a_pass_misses_is_looked_up(struct arena arena)
{
    static const char *const bases[] = { D "-file", D "-missing" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 2, &arena);
    struct presence presence = { .list = &list, .sees_all = true };
    check_file("nix/store/" D "-file", STR(""));
    sight = SEES_NOTHING;
    CHECK_DONE(presence_scan(&store, &arena, &presence, check_error));
    sight = SEES_ALL;
    CHECK(presence.is_there[0] && !presence.is_there[1]);
}

static void a_store_that_cannot_be_read_is_refused(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 1, &arena);
    struct presence presence = { .list = &list, .sees_all = true };
    check_make_directory("nix/store");
    sight = SEES_ERROR;
    CHECK_REFUSED(presence_scan(&store, &arena, &presence, check_error),
                  "read the store /nix/store: Input/output error");
    sight = SEES_ALL;
}

/* More names than the first table has room for. */
static void many_names_are_seen(struct arena arena)
{
    enum { COUNT = 3000 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = { 0 };
    struct presence presence = { .list = &list, .sees_all = true };
    check_make_directory("nix/store");
    for (unsigned i = 0; i < COUNT; i++)
        CHECK(symlinkat("nowhere", check_directory(),
                        arena_format(&arena, "nix/store/%u", i).data) == 0);
    CHECK_DONE(presence_scan(&store, &arena, &presence, check_error));
    for (unsigned i = 0; i < 2 * COUNT; i++) {
        check_about("%u", i);
        CHECK(presence_saw(&presence, arena_format(&arena, "%u", i)) == (i < COUNT));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(whatever_has_the_name_is_present), CASE(no_store_holds_nothing),
                     CASE(a_store_that_is_a_file_is_refused), CASE(what_a_pass_misses_is_looked_up),
                     CASE(a_store_that_cannot_be_read_is_refused), CASE(many_names_are_seen));
}
