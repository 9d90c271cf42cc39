#include "tests/check_store.h"

#include "regd/presence.h"
#include "schema/base/own.h"
#include "schema/nix/store_path.h"

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

static struct path_list list_of(const char *const *bases, size_t count, struct arena *arena)
{
    struct path_list list = { 0 };
    for (size_t i = 0; i < count; i++)
        path_list_add(&list, arena)->name = name_table_add(&list.names, str_from(bases[i]), arena);
    for (size_t i = 0; i < count; i++)
        list.items[i].base = list.names.names[list.items[i].name];
    path_list_normalise(&list, *arena);
    return list;
}

static void whatever_has_the_name_is_present(struct arena arena)
{
    static const char *const bases[] = { D "-directory", D "-file", D "-link", D "-missing" };
    bool present[4] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 4, &arena);
    check_make_directory("nix/store/" D "-directory");
    check_file("nix/store/" D "-file", STR(""));
    check_file("nix/store/" D "-other", STR(""));
    CHECK(symlinkat("nowhere", check_directory(), "nix/store/" D "-link") == 0);
    CHECK_DONE(presence_scan(&store, &list, present, check_error));
    CHECK(present[0] && present[1] && present[2] && !present[3]);
}

static void no_store_holds_nothing(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    bool present[1] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 1, &arena);
    CHECK_DONE(presence_scan(&store, &list, present, check_error));
    CHECK(!present[0]);
}

static void a_store_that_is_a_file_is_refused(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    bool present[1] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 1, &arena);
    check_file("nix/store", STR(""));
    CHECK_REFUSED(presence_scan(&store, &list, present, check_error),
                  "open the store /nix/store: Not a directory");
}

/* As one does while a name is being replaced. */
static void what_a_pass_misses_is_looked_up(struct arena arena)
{
    static const char *const bases[] = { D "-file", D "-missing" };
    bool present[2] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 2, &arena);
    check_file("nix/store/" D "-file", STR(""));
    sight = SEES_NOTHING;
    CHECK_DONE(presence_scan(&store, &list, present, check_error));
    sight = SEES_ALL;
    CHECK(present[0] && !present[1]);
}

static void a_store_that_cannot_be_read_is_refused(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    bool present[1] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 1, &arena);
    check_make_directory("nix/store");
    sight = SEES_ERROR;
    CHECK_REFUSED(presence_scan(&store, &list, present, check_error),
                  "read the store /nix/store: Input/output error");
    sight = SEES_ALL;
}

int main(void)
{
    return CHECK_ALL(CASE(whatever_has_the_name_is_present), CASE(no_store_holds_nothing),
                     CASE(a_store_that_is_a_file_is_refused), CASE(what_a_pass_misses_is_looked_up),
                     CASE(a_store_that_cannot_be_read_is_refused));
}
