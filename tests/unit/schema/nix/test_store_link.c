#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/nix/store_link.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define TOP     "2b1gs4bj0jwcsqhs4z6xwvx1sphp9n1m-system"
#define SPECIAL "3c1gs4bj0jwcsqhs4z6xwvx1sphp9n1m-special"
#define LINK    "4d1gs4bj0jwcsqhs4z6xwvx1sphp9n1m-link"
#define TOO_FEW "'x' is too short to be a store path"

static void make_link(const char *name, const char *target)
{
    CHECK(symlinkat(target, check_directory(), name) == 0);
}

/* A root with a system, a specialisation that it links to, and a store path that is a link. */
static struct store make_store(struct arena *arena)
{
    static const char *const directories[] = {
        "nix",
        "nix/store",
        "nix/store/" TOP,
        "nix/store/" TOP "/specialisation",
        "nix/store/" TOP "/sub",
        "nix/store/" SPECIAL,
        "run",
        "home",
    };
    struct store store = { .root = -1 };
    for (size_t i = 0; i < COUNT(directories); i++)
        CHECK(mkdirat(check_directory(), directories[i], 0755) == 0);
    make_link("nix/store/" TOP "/specialisation/gpu", "/nix/store/" SPECIAL);
    make_link("nix/store/" TOP "/specialisation/near", "../../" SPECIAL);
    make_link("nix/store/" TOP "/init", "sub");
    make_link("nix/store/" TOP "/away", "/home");
    make_link("nix/store/" TOP "/loop", "loop");
    make_link("nix/store/" LINK, TOP);
    make_link("run/current-system", "/nix/store/" TOP);
    make_link("home/result", "../run/current-system");
    make_link("home/up", "../../../../nix/store/" TOP);
    make_link("home/out", "/home");
    CHECK_DONE(store_open(check_directory_path(), "/nix/store", NULL, arena, &store, check_error));
    return store;
}

static void a_path_is_followed_to_its_end(struct arena arena)
{
    static const char *const rows[][2] = {
        { "/nix/store/" TOP, TOP },
        { "/nix/store//./" TOP "/", TOP },
        { "/nix/store/" TOP "/sub/..", TOP },
        { "/nix/store/" LINK, LINK },
        { "/nix/store/5f1gs4bj0jwcsqhs4z6xwvx1sphp9n1m-absent",
          "5f1gs4bj0jwcsqhs4z6xwvx1sphp9n1m-absent" },
        { "/nix/store/" TOP "/specialisation/gpu", SPECIAL },
        { "/nix/store/" TOP "/specialisation/near", SPECIAL },
        { "/nix/store/" LINK "/specialisation/gpu", SPECIAL },
        { "/run/current-system", TOP },
        { "/run/current-system/specialisation/gpu", SPECIAL },
        { "home/result", TOP },
        { "home/result/specialisation/near", SPECIAL },
        { "/home/up", TOP },
        { "/home/out/out/result", TOP },
    };
    struct store store = make_store(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str base = STR("");
        check_about("%s", rows[i][0]);
        CHECK_DONE(store_link_resolve(&store, rows[i][0], &arena, &base, check_error));
        CHECK_STR(base, rows[i][1]);
    }
    own_close(&store.root);
}

static void what_ends_elsewhere_is_refused(struct arena arena)
{
#define INSIDE " is inside a store path and not one itself; name /nix/store/" TOP
    static const char *const rows[][2] = {
        { "/nix/store/" TOP "/init", "'/nix/store/" TOP "/sub'" INSIDE },
        { "/run/current-system/sub", "'/nix/store/" TOP "/sub'" INSIDE },
        { "/nix/store/" TOP "/specialisation", "'/nix/store/" TOP "/specialisation'" INSIDE },
        { "/nix/store/" TOP "/specialisation/none",
          "open /nix/store/" TOP "/specialisation/none: No such file or directory" },
        { "/nix/store/" TOP "/away", "'/home' is not in the store /nix/store" },
        { "/nix/store/" TOP "/loop",
          "follow /nix/store/" TOP "/loop: Too many levels of symbolic links" },
        { "/nix/store/x", TOO_FEW },
        { "/nix/store", "'/nix/store' is not in the store /nix/store" },
        { "/", "'/' is not in the store /nix/store" },
        { "/home", "'/home' is not in the store /nix/store" },
        { "/none", "open /none: No such file or directory" },
    };
#undef INSIDE
    struct store store = make_store(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str base;
        check_about("%s", rows[i][0]);
        CHECK_REFUSED(store_link_resolve(&store, rows[i][0], &arena, &base, check_error),
                      rows[i][1]);
    }
    own_close(&store.root);
}

static void cut_as_nix_does_it(struct arena arena)
{
    static const char *const rows[][2] = {
        { "/nix/store/" TOP, TOP },
        { "/nix/store/" TOP "/init", TOP },
        { "/nix/store/" TOP "/specialisation/none", TOP },
        { "/run/current-system", TOP },
    };
    struct store store = make_store(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str base = STR("");
        check_about("%s", rows[i][0]);
        CHECK_DONE(store_link_enclosing(&store, rows[i][0], &arena, &base, check_error));
        CHECK_STR(base, rows[i][1]);
    }
    own_close(&store.root);
}

int main(void)
{
    return CHECK_ALL(CASE(a_path_is_followed_to_its_end), CASE(what_ends_elsewhere_is_refused),
                     CASE(cut_as_nix_does_it));
}
