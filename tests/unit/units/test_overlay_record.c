#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "units/overlay_record.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OTHER                                                                                      \
    "use /dev/x: the writable layer was written above other layers than those of this image; "     \
    "boot the image that it belongs to, or add regd.overlay-reset to move it away and start with " \
    "an empty one"

/* SHA-256 of "one\n" and of "two\n", as sha256sum(1) prints them. */
#define ONE "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806\n"
#define TWO "27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a\n"

static const char *moved;
static const char *disk = "disk";
static size_t failing; /* the number of the call that is to fail, or 0 */

/* Prepares the disk above the layers of those names, topmost first. */
static bool prepare(const char *first, const char *second, bool resets, struct arena arena)
{
    cleanup(own_close) int fd = openat(check_directory(), disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_calls_fail(failing);
    const char *layers[] = {
        arena_format(&arena, "%s/%s", check_directory_path(), first).data,
        arena_format(&arena, "%s/%s", check_directory_path(), second ? second : "").data,
    };
    struct overlay_lower lower = { layers, second ? 2 : 1, resets };
    static char name[32];
    moved = NULL;
    bool is_done =
        overlay_record_prepare((struct file){ fd, "/dev/x" }, &lower, &arena, &moved, check_error);
    snprintf(name, sizeof name, "%s", moved ? moved : "");
    moved = moved ? name : NULL;
    return is_done;
}

static void make_layers(void)
{
    check_make_directory("disk");
    check_file("one/nix-path-registration", STR("one\n"));
    check_file("two/nix-path-registration", STR("two\n"));
    check_file("same/nix-path-registration", STR("one\n"));
}

static void the_record_names_the_manifests_from_the_top(struct arena arena)
{
    make_layers();
    CHECK_DONE(prepare("one", "two", false, arena));
    CHECK(moved == NULL);
    CHECK_STR(check_content("disk/layers", &arena), ONE TWO);
    CHECK_STR(check_names("disk", &arena), " layers store work");
}

static void what_was_written_stays_above_the_same_manifests(struct arena arena)
{
    make_layers();
    CHECK_DONE(prepare("one", NULL, false, arena));
    check_file("disk/store/file", STR("x"));
    CHECK_DONE(prepare("one", NULL, false, arena));
    CHECK_DONE(prepare("same", NULL, true, arena));
    CHECK(moved == NULL);
    CHECK_STR(check_content("disk/store/file", &arena), "x");
}

static void above_others_it_is_refused_and_nothing_changes(struct arena arena)
{
    make_layers();
    CHECK_DONE(prepare("one", NULL, false, arena));
    check_file("disk/store/file", STR("x"));
    CHECK_REFUSED(prepare("two", NULL, false, arena), OTHER);
    CHECK_REFUSED(prepare("one", "two", false, arena), OTHER);
    CHECK_STR(check_content("disk/layers", &arena), ONE);
    CHECK_STR(check_content("disk/store/file", &arena), "x");
    CHECK_DONE(prepare("one", NULL, false, arena));
}

static void a_layer_without_a_file_lies_above_any(struct arena arena)
{
    make_layers();
    CHECK_DONE(prepare("one", NULL, false, arena));
    CHECK_DONE(prepare("two", NULL, false, arena));
    CHECK(moved == NULL);
    CHECK_STR(check_content("disk/layers", &arena), TWO);
}

static void a_reset_moves_it_away_with_its_record(struct arena arena)
{
    make_layers();
    CHECK_DONE(prepare("one", NULL, false, arena));
    check_file("disk/store/file", STR("x"));
    CHECK_DONE(prepare("two", NULL, true, arena));
    CHECK_STR(moved, "old.1");
    check_file("disk/store/file", STR("y"));
    CHECK_DONE(prepare("one", NULL, true, arena));
    CHECK_STR(moved, "old.2");
    CHECK_STR(check_names("disk", &arena), " layers old.1 old.2 store work");
    CHECK_STR(check_names("disk/store", &arena), "");
    CHECK_STR(check_content("disk/layers", &arena), ONE);
    CHECK_STR(check_names("disk/old.2", &arena), " layers store work");
    CHECK_STR(check_content("disk/old.1/layers", &arena), ONE);
    CHECK_STR(check_content("disk/old.1/store/file", &arena), "x");
}

/* What a reset leaves whose power was cut, and what somebody else has put there. */
static void a_layer_without_a_record_is_that_of_others(struct arena arena)
{
    make_layers();
    check_file("disk/store/file", STR("x"));
    CHECK_REFUSED(prepare("one", NULL, false, arena), OTHER);
    check_file("disk/layers", STR(ONE ONE));
    CHECK_REFUSED(prepare("one", NULL, false, arena), OTHER);
    check_file("disk/layers", STR(""));
    CHECK_REFUSED(prepare("one", NULL, false, arena), OTHER);
    CHECK_DONE(prepare("one", NULL, true, arena));
    CHECK_STR(moved, "old.1");
}

static void what_cannot_be_used_is_named(struct arena arena)
{
    make_layers();
    check_make_directory("none");
    CHECK_REFUSED(
        prepare("none", NULL, false, arena),
        arena_format(&arena,
                     "identify the layer %s/none by its manifest: open nix-path-registration: No "
                     "such file or directory",
                     check_directory_path()));
    CHECK_STR(check_names("disk", &arena), "");
    check_file("disk/work", STR("x"));
    CHECK_REFUSED(prepare("one", NULL, false, arena),
                  "use /dev/x: use /dev/x/work: Not a directory");
    CHECK(unlinkat(check_directory(), "disk/work", 0) == 0);
    CHECK(unlinkat(check_directory(), "disk/layers", 0) == 0);
    CHECK(symlinkat("store", check_directory(), "disk/layers") == 0);
    CHECK(!prepare("one", NULL, false, arena));
}

/* Whichever call fails: what was written is in the layer or moved away, and never below another one's record; the next
 * start ends what was begun. */
static void each_call_that_fails_loses_nothing(struct arena arena)
{
    bool has_failed = true;
    size_t number = 0;
    make_layers();
    while (has_failed) {
        struct arena scratch = arena;
        number++;
        disk = arena_format(&scratch, "disk.%zu", number).data;
        const char *record = arena_format(&scratch, "%s/layers", disk).data;
        const char *file = arena_format(&scratch, "%s/store/file", disk).data;
        const char *old = arena_format(&scratch, "%s/old.1/store/file", disk).data;
        check_about("call %zu", number);
        check_make_directory(disk);
        CHECK_DONE(prepare("one", NULL, false, scratch));
        check_file(file, STR("x"));
        failing = number;
        bool done = prepare("two", NULL, true, scratch);
        has_failed = check_calls_end();
        failing = 0;
        /* A rename is not believed whose file cannot be looked at. */
        CHECK(done || (has_failed &&
                       (str_ends(str_from(check_error->sentence), STR(": Input/output error")) ||
                        strstr(check_error->sentence, "another process renamed it or its draft"))));
        if (str_equal(check_content(file, &scratch), STR("x")))
            CHECK(!str_equal(check_content(record, &scratch), STR(TWO)));
        else
            CHECK_STR(check_content(old, &scratch), "x");
        CHECK_DONE(prepare("two", NULL, true, scratch));
        CHECK_STR(check_content(record, &scratch), TWO);
        CHECK_STR(check_content(file, &scratch), "(absent)");
    }
    CHECK(number > 30);
    disk = "disk";
}

int main(void)
{
    return CHECK_ALL(CASE(the_record_names_the_manifests_from_the_top),
                     CASE(what_was_written_stays_above_the_same_manifests),
                     CASE(above_others_it_is_refused_and_nothing_changes),
                     CASE(a_layer_without_a_file_lies_above_any),
                     CASE(a_reset_moves_it_away_with_its_record),
                     CASE(a_layer_without_a_record_is_that_of_others),
                     CASE(what_cannot_be_used_is_named), CASE(each_call_that_fails_loses_nothing));
}
