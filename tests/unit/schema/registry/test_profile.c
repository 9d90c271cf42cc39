#include "tests/check_calls.h"
#include "tests/check_sleep.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/registry/profile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define D       CHECK_DIGEST
#define P       "/nix/store/" D
#define PROFILE "/state/profiles/system"

static const struct str a = { D "-a", sizeof(D "-a") - 1 }, b = { D "-b", sizeof(D "-b") - 1 };

static struct store begin(struct arena *arena)
{
    check_make_directory("state/profiles");
    check_sql(CHECK_ADD(1, "a") CHECK_ADD(2, "b"), *arena);
    return check_store(arena);
}

static void put_link(const char *name, const char *target)
{
    char path[256];
    snprintf(path, sizeof path, "state/profiles/%s", name);
    CHECK(symlinkat(target, check_directory(), path) == 0);
}

static const char *target_of(const char *name, struct arena *arena)
{
    char path[256], target[256] = "";
    snprintf(path, sizeof path, "state/profiles/%s", name);
    CHECK(readlinkat(check_directory(), path, target, sizeof target - 1) >= 0);
    return arena_copy(arena, str_from(target)).data;
}

static bool set_profile(const struct store *store, struct str base, uint64_t *ret_number,
                        struct arena arena)
{
    return profile_set(store, PROFILE, base, &arena, ret_number, check_error);
}

static void a_new_target_is_a_new_generation(struct arena arena)
{
    uint64_t number = 0;
    cleanup(check_store_close) struct store store = begin(&arena);
    CHECK_DONE(set_profile(&store, a, &number, arena));
    CHECK_NUMBER(number, 1);
    CHECK_STR(target_of("system", &arena), "system-1-link");
    CHECK_STR(target_of("system-1-link", &arena), P "-a");
    CHECK_DONE(set_profile(&store, a, &number, arena));
    CHECK_NUMBER(number, 1);
    CHECK_DONE(set_profile(&store, b, &number, arena));
    CHECK_NUMBER(number, 2);
    CHECK_STR(target_of("system", &arena), "system-2-link");
    CHECK(faccessat(check_directory(), "state/profiles/system.lock", F_OK, 0) < 0);
}

/* Nix 2.8.0 gives the root of /state/profiles/system-1-link the name that
 * `nix-hash --type sha1 --base32` prints for a file of these bytes. */
static void the_collector_is_told_of_the_link(struct arena arena)
{
    uint64_t number;
    char target[64] = "";
    cleanup(check_store_close) struct store store = begin(&arena);
    CHECK_DONE(set_profile(&store, a, &number, arena));
    CHECK(readlinkat(check_directory(), "state/gcroots/auto/xjdx6s9vhvh9crgswnbvi600z2drksmz",
                     target, sizeof target - 1) > 0);
    CHECK_STR((const char *)target, PROFILE "-1-link");
}

static void entries_that_are_generations_are_listed_by_number(struct arena arena)
{
    static const char *const entries[] = { "system-10-link", "system-9-link", "system-2-linkage",
                                           "system-+3-link" };
    static const char *const others[] = { "system-x-link",  "system--link",
                                          "other-1-link",   "system-1",
                                          "system-link",    "systems-4-link",
                                          "system-5 -link", "system-4294967296-link" };
    struct generation_list list = { 0 };
    cleanup(check_store_close) struct store store = begin(&arena);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        put_link(entries[i], P "-a");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put_link(others[i], P "-a");
    check_file("state/profiles/system-4294967295-link", STR(""));
    put_link("system", "system-9-link");
    CHECK_DONE(profile_list(&store, PROFILE, &arena, &list, check_error));
    static const uint64_t want[] = { 2, 3, 9, 10, UINT32_MAX };
    if (!CHECK_NUMBER(list.count, 5))
        return;
    for (size_t i = 0; i < 5; i++) {
        CHECK_NUMBER(list.items[i].number, want[i]);
        CHECK(list.items[i].is_current == (want[i] == 9));
        CHECK_STR(list.items[i].target, i < 4 ? STR(P "-a") : STR(""));
    }
}

static void the_last_number_is_the_end(struct arena arena)
{
    uint64_t number = 77;
    cleanup(check_store_close) struct store store = begin(&arena);
    put_link("system-4294967295-link", P "-a");
    CHECK_DONE(set_profile(&store, a, &number, arena));
    CHECK_NUMBER(number, UINT32_MAX);
    CHECK_REFUSED(set_profile(&store, b, &number, arena),
                  "generation 4294967295 of " PROFILE " is the last that there can be; remove it");
    CHECK_STR(target_of("system", &arena), "system-4294967295-link");
    put_link("system-7-link", P "-a");
    check_make_directory("nix/store/" D "-a");
    uint64_t from = 0;
    CHECK_DONE(profile_rollback(&store, PROFILE, &arena, &from, &number, check_error));
    CHECK_NUMBER(from, UINT32_MAX);
    CHECK_NUMBER(number, 7);
}

static void what_cannot_be_set_is_refused_and_nothing_changes(struct arena arena)
{
    uint64_t number = 77;
    cleanup(check_store_close) struct store store = begin(&arena);
    CHECK_REFUSED(set_profile(&store, STR(D "-c"), &number, arena),
                  "'" P "-c' is not a valid store path; register it first");
    check_file("state/profiles/system", STR("mine"));
    CHECK_REFUSED(set_profile(&store, a, &number, arena), "'" PROFILE "' is not a symbolic link");
    CHECK(unlinkat(check_directory(), "state/profiles/system", 0) == 0);
    check_file("state/profiles/system-7-link", STR("mine"));
    CHECK_REFUSED(set_profile(&store, a, &number, arena),
                  "the generation system-7-link is not a symbolic link");
    CHECK_REFUSED(profile_set(&store, P "/x", a, &arena, &number, check_error),
                  "the profile " P "/x would be inside the store; name one elsewhere");
    CHECK_REFUSED(profile_set(&store, "/", a, &arena, &number, check_error),
                  "'/' is not a path of a profile");
    CHECK_REFUSED(profile_set(&store, "/no/where", a, &arena, &number, check_error),
                  "open the directory /no: No such file or directory");
    CHECK_NUMBER(number, 77);
    CHECK(faccessat(check_directory(), "state/profiles/system.lock", F_OK, 0) < 0);
}

static void rolling_back_takes_the_one_before(struct arena arena)
{
    uint64_t from = 0, number = 0;
    cleanup(check_store_close) struct store store = begin(&arena);
    put_link("system-2-link", P "-c");
    put_link("system-3-link", P "-a");
    put_link("system-4-link", P "-c");
    put_link("system-5-link", P "-b");
    put_link("system-8-link", P "-b");
    check_make_directory("nix/store/" D "-a");
    check_make_directory("nix/store/" D "-b");
    CHECK_REFUSED(profile_rollback(&store, PROFILE, &arena, &from, &number, check_error),
                  "'" PROFILE "' does not point at one of its generations");
    put_link("system", "system-5-link");
    CHECK_DONE(profile_rollback(&store, PROFILE, &arena, &from, &number, check_error));
    CHECK_NUMBER(from, 5);
    CHECK_NUMBER(number, 3);
    CHECK_STR(target_of("system", &arena), "system-3-link");
    CHECK_REFUSED(profile_rollback(&store, PROFILE, &arena, &from, &number, check_error),
                  "there is no generation of " PROFILE
                  " older than the current one (3) that is in the store");
    CHECK_NUMBER(from, 5);
}

static void pruning_removes_what_has_vanished(struct arena arena)
{
    struct generation_list removed;
    cleanup(check_store_close) struct store store = begin(&arena);
    check_make_directory("nix/store/" D "-a");
    put_link("system-1-link", P "-c");
    put_link("system-2-link", P "-a");
    put_link("system-3-link", P "-c");
    put_link("system-4-link", P "-c");
    put_link("other-5-link", P "-c");
    check_file("state/profiles/system-6-link", STR("no link"));
    put_link("system", "system-3-link");
    CHECK_DONE(profile_prune(&store, PROFILE, &arena, &removed, check_error));
    CHECK_NUMBER(removed.count, 2);
    CHECK_NUMBER(removed.items[0].number, 1);
    CHECK_NUMBER(removed.items[1].number, 4);
    CHECK_STR(check_names("state/profiles", &arena),
              " other-5-link system system-2-link system-3-link system-6-link");
    CHECK_DONE(profile_prune(&store, PROFILE, &arena, &removed, check_error));
    CHECK_NUMBER(removed.count, 0);
}

static void a_profile_is_missing_dangling_or_valid(struct arena arena)
{
    enum profile_state state;
    cleanup(check_store_close) struct store store = begin(&arena);
    CHECK_DONE(profile_look(&store, PROFILE, &state, check_error));
    CHECK_NUMBER(state, PROFILE_MISSING);
    put_link("system", "system-1-link");
    CHECK_DONE(profile_look(&store, PROFILE, &state, check_error));
    CHECK_NUMBER(state, PROFILE_DANGLING);
    put_link("system-1-link", P "-a");
    check_make_directory("nix/store/" D "-a");
    CHECK_DONE(profile_look(&store, PROFILE, &state, check_error));
    CHECK_NUMBER(state, PROFILE_VALID);
    check_file("file", STR(""));
    CHECK_REFUSED(profile_look(&store, "/file", &state, check_error),
                  "the profile '/file' is not a symbolic link");
    CHECK_REFUSED(profile_look(&store, "/", &state, check_error),
                  "the profile '/' is not a symbolic link");
    CHECK_REFUSED(profile_look(&store, "/file/x", &state, check_error),
                  "open the profile /file/x: Not a directory");
}

static void a_lock_that_is_no_file_is_refused(struct arena arena)
{
    uint64_t number;
    cleanup(check_store_close) struct store store = begin(&arena);
    put_link("system.lock", "elsewhere");
    CHECK_REFUSED(set_profile(&store, a, &number, arena),
                  "lock " PROFILE ": system.lock is not a file");
    CHECK(faccessat(check_directory(), "state/profiles/elsewhere", F_OK, 0) < 0);
}

/* Whichever system call fails: the profile leads to the old system or to the new one. */
static void each_call_that_fails_leaves_the_old_or_the_new(struct arena arena)
{
    bool has_failed = true;
    cleanup(check_store_close) struct store store = begin(&arena);
    for (size_t number = 1; has_failed; number++) {
        uint64_t generation;
        struct arena scratch = arena;
        const char *name = arena_format(&scratch, "p%zu", number).data;
        const char *path = arena_format(&scratch, "/state/profiles/%s", name).data;
        check_about("call %zu", number);
        CHECK_DONE(profile_set(&store, path, a, &scratch, &generation, check_error));
        check_calls_fail(number);
        bool done = profile_set(&store, path, b, &scratch, &generation, check_error);
        has_failed = check_calls_end();
        struct str system = str_from(target_of(target_of(name, &scratch), &scratch));
        CHECK(str_equal(system, STR(P "-b")) || (!done && str_equal(system, STR(P "-a"))));
    }
}

/* As another regd that stands still does. */
static void a_profile_that_stays_locked_is_not_changed(struct arena arena)
{
    static const char sentence[] = PROFILE ".lock: another process has kept it locked for 60 s";
    uint64_t number = 0, from = 0;
    struct generation_list removed;
    cleanup(check_store_close) struct store store = begin(&arena);
    CHECK_DONE(set_profile(&store, a, &number, arena));
    CHECK_DONE(set_profile(&store, b, &number, arena));
    cleanup(own_close) int lock =
        openat(check_directory(), "state/profiles/system.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(flock(lock, LOCK_EX) == 0);
    check_sleep_begin(NULL);
    CHECK_REFUSED(set_profile(&store, a, &number, arena), sentence);
    CHECK_REFUSED(profile_rollback(&store, PROFILE, &arena, &from, &number, check_error), sentence);
    CHECK_REFUSED(profile_prune(&store, PROFILE, &arena, &removed, check_error), sentence);
    CHECK_NUMBER(check_sleep_end(), 3 * 60);
    CHECK_STR(target_of("system", &arena), "system-2-link");
    CHECK_NUMBER(number, 2);
    CHECK(faccessat(check_directory(), "state/profiles/system.lock", F_OK, 0) == 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_new_target_is_a_new_generation), CASE(a_profile_that_stays_locked_is_not_changed),
        CASE(the_collector_is_told_of_the_link),
        CASE(entries_that_are_generations_are_listed_by_number), CASE(the_last_number_is_the_end),
        CASE(what_cannot_be_set_is_refused_and_nothing_changes),
        CASE(rolling_back_takes_the_one_before), CASE(pruning_removes_what_has_vanished),
        CASE(a_profile_is_missing_dangling_or_valid), CASE(a_lock_that_is_no_file_is_refused),
        CASE(each_call_that_fails_leaves_the_old_or_the_new));
}
