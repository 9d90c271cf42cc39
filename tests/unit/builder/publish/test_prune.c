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
        struct prune prune;
        check_about("%zu, %ju s", rows[i].request.keep, (uintmax_t)rows[i].request.grace_seconds);
        CHECK_DONE(published_read(&check.published, &arena, check_error));
        CHECK_DONE(prune_choose(&check.published, &rows[i].request, &arena, &prune, check_error));
        CHECK_STR(left(&check.published, &arena), rows[i].left);
        CHECK_NUMBER(prune.waiting_count, rows[i].waiting);
    }
}

static void what_is_chosen_is_removed(struct arena arena)
{
    const struct prune_request request = { 1, 0, NOW };
    struct prune prune;
    cleanup(check_published_release) struct check_published check;
    if (!put_each(&check, "abc", &arena))
        return;
    CHECK_DONE(prune_choose(&check.published, &request, &arena, &prune, check_error));
    CHECK_NUMBER(prune.names.count, 1);
    CHECK_DONE(prune_remove(&check.published, &request, &arena, &prune, check_error));
    CHECK_DONE(published_read(&check.published, &arena, check_error));
    CHECK_STR(left(&check.published, &arena), "bc");
}

int main(void)
{
    return CHECK_ALL(CASE(the_latest_systems_stay), CASE(what_is_chosen_is_removed));
}
