#include "tests/check_calls.h"
#include "tests/check_published.h"

#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

static void links_follow_the_systems(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    CHECK(root->current && !root->previous);
    CHECK_REFUSED(publish_roll_back(root, check_error),
                  arena_format(&arena, "%s has no previous system to go back to", check.path));
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK_STR(published_label(root->current), "b");
    CHECK_STR(published_label(root->previous), "a");
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK_STR(published_label(root->previous), "a");
    CHECK_DONE(publish_roll_back(root, check_error));
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_STR(published_label(root->current), "a");
    CHECK_STR(published_label(root->previous), "b");
    CHECK_NUMBER(root->count, 2);
}

static void links_are_exchanged_where_that_takes_two_steps(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)) ||
        !CHECK_DONE(check_published_put(&check, "b", &arena)))
        return;
    check_calls_refuse_flags();
    CHECK_DONE(publish_roll_back(&check.published, check_error));
    check_calls_end();
    CHECK_DONE(published_read(&check.published, &arena, check_error));
    CHECK_STR(published_label(check.published.current), "a");
    CHECK_STR(published_label(check.published.previous), "b");
}

static void whichever_call_fails_the_current_system_is_whole(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    for (size_t number = 1;; number++) {
        struct arena scratch = arena;
        check_calls_fail(number);
        bool done = check_published_put(&check, "b", &scratch);
        bool failed = check_calls_end();
        if (!CHECK(done == !failed || done))
            return;
        CHECK_DONE(published_read(root, &scratch, check_error));
        if (!CHECK(published_find(root, root->current)))
            return;
        if (!failed)
            break;
    }
    CHECK_STR(published_label(root->current), "b");
}

int main(void)
{
    return CHECK_ALL(CASE(links_follow_the_systems),
                     CASE(links_are_exchanged_where_that_takes_two_steps),
                     CASE(whichever_call_fails_the_current_system_is_whole));
}
