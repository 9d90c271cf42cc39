#include "tests/check_calls.h"

#include "regd/command.h"
#include "schema/base/json.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define D       CHECK_DIGEST
#define P       "/nix/store/" D
#define PROFILE "/state/profiles/system"

/* What a profile command prints on both streams; or why it fails. */
static struct str run(enum profile_verb verb, const char *target, bool json, struct arena *arena)
{
    struct command command = { .settings = { .json = json },
                               .profile = PROFILE,
                               .profile_verb = verb };
    option_list_add(&command.arguments, "verb", arena);
    if (target)
        option_list_add(&command.arguments, target, arena);
    struct check_run run = check_run(command_profile, &command, arena);
    return run.done ? arena_format(arena, "%.*s%.*s", STR_ARG(run.output), STR_ARG(run.told))
                    : arena_copy(arena, str_from(check_error->sentence));
}

static void begin(struct arena arena)
{
    check_make_directory("state/profiles");
    check_make_directory("nix/store/" D "-a");
    check_make_directory("nix/store/" D "-b");
    check_sql(CHECK_ADD(1, "a") CHECK_ADD(2, "b"), arena);
    setenv("TZ", "UTC", 1);
}

/* The links of the test were made at this time. */
static void date_link(const char *path)
{
    const struct timespec times[] = { { .tv_sec = 86400 }, { .tv_sec = 86400 } };
    CHECK(utimensat(check_directory(), path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static void setting_makes_a_generation_and_says_so(struct arena arena)
{
    begin(arena);
    CHECK_STR(run(PROFILE_SET, P "-a", false, &arena),
              "regd: " PROFILE " is now generation 1, " D "-a\n");
    CHECK_STR(run(PROFILE_SET, P "-b/below", false, &arena),
              "regd: " PROFILE " is now generation 2, " D "-b\n");
    CHECK_STR(run(PROFILE_SET, P "-c", false, &arena),
              "set the profile " PROFILE ": '" P
              "-c' is not a valid store path; register it first");
}

/* As `nix-env --list-generations` prints them. */
static void generations_are_listed_as_nix_env_does(struct arena arena)
{
    begin(arena);
    CHECK_STR(run(PROFILE_LIST, NULL, false, &arena), "");
    run(PROFILE_SET, P "-a", false, &arena);
    run(PROFILE_SET, P "-b", false, &arena);
    date_link("state/profiles/system-1-link");
    date_link("state/profiles/system-2-link");
    CHECK_STR(run(PROFILE_LIST, NULL, false, &arena),
              "   1   1970-01-02 00:00:00   \n   2   1970-01-02 00:00:00   (current)\n");
    cleanup(json_free) cJSON *root = NULL;
    CHECK_DONE(json_parse(run(PROFILE_LIST, NULL, true, &arena), &root, check_error));
    const cJSON *second = cJSON_GetArrayItem(root, 1);
    CHECK_NUMBER(cJSON_GetArraySize(root), 2);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(second, "generation")), 2);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(second, "time")), 86400);
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(second, "current")));
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(second, "path")), P "-b");
}

static void rolling_back_says_from_where(struct arena arena)
{
    begin(arena);
    CHECK_STR(run(PROFILE_ROLLBACK, NULL, false, &arena),
              "roll the profile back: '" PROFILE "' does not point at one of its generations");
    run(PROFILE_SET, P "-a", false, &arena);
    run(PROFILE_SET, P "-b", false, &arena);
    CHECK_STR(run(PROFILE_ROLLBACK, NULL, false, &arena),
              "regd: " PROFILE " is switched from generation 2 to 1\n");
}

static void what_has_vanished_is_told_and_pruned(struct arena arena)
{
    begin(arena);
    run(PROFILE_SET, P "-a", false, &arena);
    run(PROFILE_SET, P "-b", false, &arena);
    run(PROFILE_SET, P "-a", false, &arena);
    date_link("state/profiles/system-1-link");
    date_link("state/profiles/system-2-link");
    date_link("state/profiles/system-3-link");
    CHECK(unlinkat(check_directory(), "nix/store/" D "-a", AT_REMOVEDIR) == 0);
    CHECK_STR(run(PROFILE_LIST, NULL, false, &arena),
              "   1   1970-01-02 00:00:00   (vanished)\n   2   1970-01-02 00:00:00   \n"
              "   3   1970-01-02 00:00:00   (current) (vanished)\n");
    CHECK_STR(run(PROFILE_PRUNE, NULL, false, &arena),
              "regd: generation 1 of " PROFILE " removed: it is no longer in the store\n");
    CHECK_STR(run(PROFILE_PRUNE, NULL, true, &arena), "[]\n");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    static const enum profile_verb verbs[] = { PROFILE_LIST, PROFILE_PRUNE, PROFILE_SET };
    begin(arena);
    run(PROFILE_SET, P "-a", false, &arena);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct command command = { .profile = PROFILE, .profile_verb = verbs[i] };
        option_list_add(&command.arguments, "verb", &arena);
        if (verbs[i] == PROFILE_SET)
            option_list_add(&command.arguments, P "-a", &arena);
        CHECK(check_calls_run(command_profile, &command, arena) > 5);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(setting_makes_a_generation_and_says_so),
                     CASE(generations_are_listed_as_nix_env_does),
                     CASE(rolling_back_says_from_where), CASE(what_has_vanished_is_told_and_pruned),
                     CASE(each_call_that_fails_is_a_sentence));
}
