#include "tests/check.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/nix/store.h"
#include "schema/nix/store_path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void forget_environment(void)
{
    unsetenv("NIX_STORE_DIR");
    unsetenv("NIX_STATE_DIR");
}

static void nothing_said_means_where_nix_is(struct arena arena)
{
    struct store store = { 0 };
    struct stat ours = { 0 }, theirs = { 0 };
    forget_environment();
    CHECK_DONE(store_open(NULL, NULL, NULL, &arena, &store, check_error));
    CHECK_STR(store.store_dir, "/nix/store");
    CHECK_STR(store.state_dir, "/nix/var/nix");
    CHECK(fstat(store.root, &ours) == 0 && stat("/", &theirs) == 0);
    CHECK(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
    CHECK_NUMBER(fcntl(store.root, F_GETFD), FD_CLOEXEC);
    own_close(&store.root);
}

static void what_is_given_counts_more_than_the_environment(struct arena arena)
{
    struct store store = { 0 };
    setenv("NIX_STORE_DIR", "/env/store", 1);
    setenv("NIX_STATE_DIR", "/env/state", 1);
    CHECK_DONE(store_open(NULL, NULL, NULL, &arena, &store, check_error));
    CHECK_STR(store.store_dir, "/env/store");
    CHECK_STR(store.state_dir, "/env/state");
    own_close(&store.root);
    CHECK_DONE(store_open("/", "/given/store", NULL, &arena, &store, check_error));
    CHECK_STR(store.store_dir, "/given/store");
    CHECK_STR(store.state_dir, "/env/state");
    own_close(&store.root);
    setenv("NIX_STORE_DIR", "", 1);
    CHECK_DONE(store_open("/", NULL, "/given/state", &arena, &store, check_error));
    CHECK_STR(store.store_dir, "/nix/store");
    CHECK_STR(store.state_dir, "/given/state");
    own_close(&store.root);
    forget_environment();
}

static void plain_directories_are_accepted(struct arena arena)
{
    static const char *const rows[][2] = {
        { "/s", "/s" },
        { "/a/b/c", "/a/b/c" },
        { "/a/", "/a" },
        { "/a//", "/a" },
        { "/.a/..b/c..", "/.a/..b/c.." },
        { "/with blank/\xc3\xa4", "/with blank/\xc3\xa4" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct store store = { .root = -1 };
        check_about("%s", rows[i][0]);
        CHECK_DONE(store_open("/", rows[i][0], rows[i][0], &arena, &store, check_error));
        CHECK_STR(store.store_dir, rows[i][1]);
        CHECK_STR(store.state_dir, rows[i][1]);
        CHECK_NUMBER(store.store_dir.data[store.store_dir.len], 0);
        own_close(&store.root);
    }
}

static void other_directories_are_refused(struct arena arena)
{
    static const char *const rows[] = {
        "/",  "//",    "nix/store", "./nix", "/a/./b", "/a/../b",  "/..",
        "/.", "/a/..", "/a//b",     "//a/b", "/a/b/.", "relative",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct store store = { .root = -5 };
        check_about("%s", rows[i]);
        CHECK_REFUSED(
            store_open("/", rows[i], "/s", &arena, &store, check_error),
            arena_format(&arena, "store directory: '%s' is not a plain absolute path", rows[i]));
        CHECK_REFUSED(
            store_open("/", "/s", rows[i], &arena, &store, check_error),
            arena_format(&arena, "state directory: '%s' is not a plain absolute path", rows[i]));
        CHECK_NUMBER(store.root, -5);
    }
}

/* It is part of manifests and of JSON. */
static void a_store_directory_is_text_of_one_line(struct arena arena)
{
    struct store store = { .root = -5 };
    CHECK_REFUSED(store_open("/", "/a\nb", "/s", &arena, &store, check_error),
                  "store directory: '/a\nb' has a control character");
    CHECK_REFUSED(store_open("/", "/a\xff", "/s", &arena, &store, check_error),
                  "store directory: '/a\xff' is not UTF-8");
    CHECK_NUMBER(store.root, -5);
}

static void the_longest_directory_has_room_for_a_store_path(struct arena arena)
{
    enum { MOST = PATH_MAX - STORE_PATH_BASE_MAX - 2 };
    struct store store = { .root = -5 };
    char path[MOST + 2] = "/";
    memset(path + 1, 'x', MOST);
    CHECK_REFUSED(
        store_open("/", path, "/s", &arena, &store, check_error),
        arena_format(&arena, "store directory: the path is too long: %d bytes", MOST + 1));
    path[MOST] = '\0';
    CHECK_DONE(store_open("/", path, "/s", &arena, &store, check_error));
    CHECK_NUMBER(store.store_dir.len, MOST);
    own_close(&store.root);
}

static void the_root_must_be_a_directory(struct arena arena)
{
    struct store store = { .root = -5 };
    const char *file = arena_format(&arena, "%s/f", check_directory_path()).data;
    CHECK_DONE(file_publish(check_directory(), "f", STR(""), 0644, check_error));
    CHECK_REFUSED(store_open(file, NULL, NULL, &arena, &store, check_error),
                  arena_format(&arena, "open the root directory %s: Not a directory", file));
    const char *absent = arena_format(&arena, "%s/absent", check_directory_path()).data;
    CHECK_REFUSED(
        store_open(absent, NULL, NULL, &arena, &store, check_error),
        arena_format(&arena, "open the root directory %s: No such file or directory", absent));
    CHECK_NUMBER(store.root, -5);
}

int main(void)
{
    return CHECK_ALL(
        CASE(nothing_said_means_where_nix_is), CASE(what_is_given_counts_more_than_the_environment),
        CASE(plain_directories_are_accepted), CASE(other_directories_are_refused),
        CASE(a_store_directory_is_text_of_one_line),
        CASE(the_longest_directory_has_room_for_a_store_path), CASE(the_root_must_be_a_directory));
}
