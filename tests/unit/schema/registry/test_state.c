#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/registry/state.h"

#include <sys/stat.h>

static mode_t mode_of(const char *path)
{
    struct stat status = { 0 };
    fstatat(check_directory(), path, &status, AT_SYMLINK_NOFOLLOW);
    return status.st_mode;
}

static void the_directories_are_those_of_nix(struct arena arena)
{
    static const char *const names[] = { "state/profiles", "state/profiles/per-user",
                                         "state/gcroots", "state/gcroots/per-user",
                                         "state/temproots" };
    char target[64] = "";
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (int i = 0; i < 2; i++)
        CHECK_DONE(state_make_directories(&store, arena, check_error));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_about("%s", names[i]);
        CHECK_NUMBER(mode_of(names[i]), S_IFDIR | 0755);
    }
    CHECK(readlinkat(check_directory(), "state/gcroots/profiles", target, sizeof target - 1) > 0);
    CHECK_STR((const char *)target, "/state/profiles");
}

static void a_directory_that_cannot_be_made_is_named(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file("state/gcroots", STR(""));
    CHECK_REFUSED(state_make_directories(&store, arena, check_error),
                  "create the directory /state/gcroots/per-user: Not a directory");
}

static void a_tag_is_made_once(struct arena arena)
{
    enum state_tag_answer answer;
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_DONE(state_tag(&store, "/etc/NIXOS", arena, &answer, check_error));
    CHECK_NUMBER(answer, STATE_TAG_MADE);
    CHECK_NUMBER(mode_of("etc/NIXOS"), S_IFREG | 0644);
    CHECK(fchmodat(check_directory(), "etc/NIXOS", 0600, 0) == 0);
    CHECK_DONE(state_tag(&store, "/etc/NIXOS", arena, &answer, check_error));
    CHECK_NUMBER(answer, STATE_TAG_THERE);
    CHECK_NUMBER(mode_of("etc/NIXOS"), S_IFREG | 0600);
    CHECK_DONE(state_tag(&store, "/NIXOS", arena, &answer, check_error));
    CHECK_NUMBER(answer, STATE_TAG_MADE);
    CHECK(symlinkat("kept", check_directory(), "link") == 0);
    CHECK_DONE(state_tag(&store, "/link", arena, &answer, check_error));
    CHECK_NUMBER(mode_of("kept"), S_IFREG | 0644);
}

static void a_tag_that_is_no_file_is_refused(struct arena arena)
{
    enum state_tag_answer answer;
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_REFUSED(state_tag(&store, "NIXOS", arena, &answer, check_error),
                  "the tag 'NIXOS' is not an absolute path of a file");
    CHECK_REFUSED(state_tag(&store, "/etc/", arena, &answer, check_error),
                  "the tag '/etc/' is not an absolute path of a file");
    check_file("file", STR(""));
    CHECK_REFUSED(state_tag(&store, "/file/tag", arena, &answer, check_error),
                  "open /file/tag: Not a directory");
    CHECK(symlinkat("self", check_directory(), "self") == 0);
    CHECK_REFUSED(state_tag(&store, "/self", arena, &answer, check_error),
                  "open /self: Too many levels of symbolic links");
}

static void what_was_written_can_be_made_durable(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_REFUSED(state_sync(&store, check_error), "open /state: No such file or directory");
    check_make_directory("state");
    CHECK_DONE(state_sync(&store, check_error));
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 1; has_failed; number++) {
        enum state_tag_answer answer;
        check_about("call %zu", number);
        unlinkat(check_directory(), "etc/NIXOS", 0);
        unlinkat(check_directory(), "state/gcroots/profiles", 0);
        check_calls_fail(number);
        bool done = state_make_directories(&store, arena, check_error) &&
                    state_tag(&store, "/etc/NIXOS", arena, &answer, check_error) &&
                    state_sync(&store, check_error);
        has_failed = check_calls_end();
        failures += !done;
        CHECK(done || (has_failed && check_error->sentence[0]));
    }
    CHECK(failures > 5);
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_directories_are_those_of_nix), CASE(a_directory_that_cannot_be_made_is_named),
        CASE(a_tag_is_made_once), CASE(a_tag_that_is_no_file_is_refused),
        CASE(what_was_written_can_be_made_durable), CASE(each_call_that_fails_is_a_sentence));
}
