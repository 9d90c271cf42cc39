#include "tests/check_calls.h"
#include "tests/check_published.h"

#include "builder/publish/prune.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

enum { NOW = 1000000 };

/* Publishes one system for each letter, the last one last; each was current for 100 s, until NOW. */
static bool put_each(struct check_published *check, const char *letters, struct arena *arena)
{
    size_t count = strlen(letters);
    struct published *root = &check->published;
    if (!check_published_start(arena, check))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!CHECK_DONE(check_published_put(check, (char[]){ letters[i], '\0' }, arena)))
            return false;
    for (size_t i = 0; i < count; i++) {
        time_t seconds = NOW - 100 * (time_t)(count - 1 - i);
        const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };
        const char *name = published_name(&check->read, (char[]){ letters[i], '\0' }, arena);
        CHECK(utimensat(root->systems, name, times, 0) == 0);
    }
    return CHECK_DONE(published_read(root, arena, check_error));
}

/* Returns the labels that are left, in order. */
static struct str left(const struct published *root, struct arena *arena)
{
    struct str text = STR("");
    for (size_t i = 0; i < root->count; i++)
        text = arena_format(arena, "%.*s%.*s", STR_ARG(text),
                            STR_ARG(published_label(root->items[i].name)));
    return text;
}

static void the_latest_systems_stay(struct arena arena)
{
    static const struct {
        struct prune_request request;
        const char *left;
        size_t waiting;
    } rows[] = {
        { { 9, 0, NOW }, "abcde", 0 },    { { 4, 0, NOW }, "bcde", 0 },
        { { 1, 0, NOW }, "de", 0 },       { { 1, 201, NOW }, "cde", 1 },
        { { 1, 1000, NOW }, "abcde", 3 }, { { 1, 0, 0 }, "abcde", 3 },
    };
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abcde", &arena))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("%zu, %ju s", rows[i].request.keep, (uintmax_t)rows[i].request.grace_seconds);
        CHECK_DONE(published_read(&check.published, &arena, check_error));
        struct prune prune = prune_choose(&check.published, &rows[i].request, &arena);
        CHECK_STR(left(&check.published, &arena), rows[i].left);
        CHECK_NUMBER(prune.waiting_count, rows[i].waiting);
    }
}

/* Some file systems keep any time. */
static void a_time_long_ago_is_over(struct arena arena)
{
    const struct prune_request request = { 1, 1000, NOW };
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abc", &arena))
        return;
    for (size_t i = 0; i < check.published.count; i++)
        check.published.items[i].offered.tv_sec = INT64_MIN;
    CHECK_NUMBER(prune_choose(&check.published, &request, &arena).names.count, 1);
}

static void what_is_chosen_is_removed(struct arena arena)
{
    const struct prune_request request = { 1, 0, NOW };
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abc", &arena))
        return;
    struct prune prune = prune_choose(&check.published, &request, &arena);
    CHECK_NUMBER(prune.names.count, 1);
    CHECK_DONE(prune_remove(&check.published, &request, &arena, &prune, check_error));
    CHECK_DONE(published_read(&check.published, &arena, check_error));
    CHECK_STR(left(&check.published, &arena), "bc");
}

/* Nothing that others have put there is removed, and no image while somebody might need it. */
static void what_no_run_made_stays(struct arena arena)
{
    const struct prune_request request = { 1, 0, NOW };
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abc", &arena))
        return;
    const char *name = published_name(&check.read, "a", &arena);
    check_file(arena_format(&arena, "root/systems/%s/mine", name).data, STR("x"));
    struct prune prune = prune_choose(&check.published, &request, &arena);
    CHECK_NUMBER(prune.names.count, 0);
    if (CHECK_NUMBER(prune.warnings.count, 1))
        CHECK_STR(prune.warnings.items[0],
                  arena_format(&arena,
                               "%s is not removed: it holds 'mine', which no earlier run made",
                               name));
    CHECK_STR(left(&check.published, &arena), "abc");
    check_make_directory("root/systems/other");
    CHECK_DONE(published_read(&check.published, &arena, check_error));
    prune = (struct prune){ 0 };
    CHECK_DONE(prune_remove(&check.published, &request, &arena, &prune, check_error));
    if (CHECK_NUMBER(prune.warnings.count, 1))
        CHECK_STR(prune.warnings.items[0],
                  "an image is not removed: systems holds what is not a system that can be read");
}

/* An image goes with the last system that has it, when the grace since it came is over. */
static void images_that_no_system_has_are_removed(struct arena arena)
{
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct prune_request request = { 1, 1000, time(NULL) };
    struct prune prune = { 0 };
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "a", &arena))
        return;
    check_file(arena_format(&arena, "root/stores/%s.squashfs", hex).data, STR("x"));
    check_file(arena_format(&arena, "root/stores/%s.verity", hex).data, STR("x"));
    check_file("root/stores/mine", STR("x"));
    check_make_directory(arena_format(&arena, "root/stores/1%s.squashfs", hex + 1).data);
    CHECK_DONE(prune_remove(&check.published, &request, &arena, &prune, check_error));
    CHECK_NUMBER(prune.store_count, 0);
    request.now_seconds += 1001;
    CHECK_DONE(prune_remove(&check.published, &request, &arena, &prune, check_error));
    CHECK_NUMBER(prune.store_count, 1);
    CHECK_STR(check_names("root/stores", &arena),
              arena_format(&arena, " 1%s.squashfs mine", hex + 1));
}

/* Whichever call fails, a system is there whole or not at all. */
static void each_call_that_fails_leaves_whole_systems(struct arena arena)
{
    const struct prune_request request = { 1, 0, NOW };
    bool done = false;
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abc", &arena))
        return;
    for (size_t number = 1; !done; number++) {
        struct arena scratch = arena;
        check_about("call %zu", number);
        CHECK_DONE(published_read(&check.published, &scratch, check_error));
        struct prune prune = prune_choose(&check.published, &request, &scratch);
        check_calls_fail(number);
        done = prune_remove(&check.published, &request, &scratch, &prune, check_error);
        if (!check_calls_told(done))
            return;
        CHECK_DONE(published_read(&check.published, &scratch, check_error));
        CHECK_NUMBER(check.published.stray_count, 0);
        CHECK(published_find(&check.published, check.published.current));
        CHECK(published_find(&check.published, check.published.previous));
    }
    CHECK_STR(left(&check.published, &arena), "bc");
}

/* Of two that were current at the same second, the one with the later nanosecond stays, and then the name decides. */
static void times_are_compared_to_the_nanosecond(struct arena arena)
{
    const struct prune_request request = { 1, 0, NOW };
    static const struct {
        long a, b, c; /* nanoseconds; "d" and "e" are linked */
        size_t keep;
        const char *left;
    } rows[] = {
        { 0, 0, 0, 3, "ade" }, { 1, 2, 3, 3, "cde" }, { 3, 2, 1, 4, "abde" }, { 1, 3, 2, 4, "bcde" }
    };
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!put_each(&check, "abcde", &arena))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena scratch = arena;
        const long parts[] = { rows[i].a, rows[i].b, rows[i].c };
        for (size_t j = 0; j < 3; j++) {
            const struct timespec time = { NOW - 500, parts[j] }, times[2] = { time, time };
            const char *name = published_name(&check.read, (char[]){ "abc"[j], '\0' }, &scratch);
            CHECK(utimensat(root->systems, name, times, 0) == 0);
        }
        check_about("row %zu", i);
        struct prune_request one = request;
        one.keep = rows[i].keep;
        CHECK_DONE(published_read(root, &scratch, check_error));
        (void)prune_choose(root, &one, &scratch);
        CHECK_STR(left(root, &scratch), rows[i].left);
    }
}

static bool put_layers(struct check_published *check, const char *label, struct arena *arena)
{
    published_release(&check->published);
    check->published = PUBLISHED_NONE;
    return CHECK_DONE(
               published_open(check->path, PUBLISHED_CREATE, &check->published, check_error)) &&
           CHECK_DONE(check_published_put(check, label, arena));
}

/* An image that a system has stays, and goes when no system has it, whichever call failed before. */
static void each_call_that_fails_leaves_the_images_of_systems(struct arena arena)
{
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const struct prune_request request = { 1, 0, time(NULL) + 10 };
    bool done = false;
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check) || !put_layers(&check, "a", &arena))
        return;
    struct str names = check_names("root/stores", &arena);
    for (size_t number = 1; !done; number++) {
        struct arena scratch = arena;
        struct prune prune = { 0 };
        check_about("call %zu", number);
        check_file(arena_format(&scratch, "root/stores/%s.squashfs", hex).data, STR("x"));
        CHECK_DONE(published_read(&check.published, &scratch, check_error));
        check_calls_fail(number);
        done = prune_remove(&check.published, &request, &scratch, &prune, check_error);
        if (!check_calls_told(done))
            return;
        CHECK(str_ends(check_names("root/stores", &scratch), names));
    }
    CHECK_STR(check_names("root/stores", &arena), names);
}

int main(void)
{
    return CHECK_ALL(CASE(the_latest_systems_stay), CASE(a_time_long_ago_is_over),
                     CASE(what_is_chosen_is_removed), CASE(what_no_run_made_stays),
                     CASE(images_that_no_system_has_are_removed),
                     CASE(each_call_that_fails_leaves_whole_systems),
                     CASE(times_are_compared_to_the_nanosecond),
                     CASE(each_call_that_fails_leaves_the_images_of_systems));
}
