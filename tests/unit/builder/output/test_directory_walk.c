#include "builder/output/directory_walk.h"
#include "schema/base/own.h"
#include "schema/base/str.h"
#include "tests/check_calls.h"
#include "tests/check_store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void make_tree(void)
{
    check_file("top/a/b/c", STR(""));
    check_file("top/d", STR(""));
    CHECK(symlinkat("a", check_directory(), "top/link") == 0);
}

static int open_top(void)
{
    int fd = openat(check_directory(), "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

struct seen {
    size_t count;
    bool has_file, has_link, a_is_last, fails;
};

static bool see(void *context, const struct directory_entry *entry, struct error *error)
{
    struct seen *seen = context;
    seen->count++;
    seen->has_file |=
        strcmp(entry->path, "a/b/c") == 0 && strcmp(entry->name, "c") == 0 && !entry->is_directory;
    seen->has_link |= strcmp(entry->path, "link") == 0 && !entry->is_directory;
    if (str_starts(str_from(entry->path), STR("a"))) {
        seen->a_is_last = strcmp(entry->path, "a") == 0 && entry->is_directory;
        CHECK(faccessat(entry->directory, entry->name, F_OK, 0) == 0);
    }
    return !seen->fails || error_set(error, "enough");
}

static void all_are_visited_and_what_is_below_comes_first(void)
{
    struct seen seen = { 0 };
    make_tree();
    cleanup(own_close) int fd = open_top();
    CHECK_DONE(directory_walk(fd, see, &seen, check_error));
    CHECK_NUMBER(seen.count, 5);
    CHECK(seen.has_file && seen.has_link && seen.a_is_last);
}

static void a_visit_can_end_it(void)
{
    struct seen seen = { .fails = true };
    make_tree();
    cleanup(own_close) int fd = open_top();
    CHECK_REFUSED(directory_walk(fd, see, &seen, check_error), "enough");
    CHECK_NUMBER(seen.count, 1);
}

static void what_is_too_deep_is_refused(void)
{
    struct seen seen = { 0 };
    check_make_directory("top/1/2/3/4/5/6/7/8");
    cleanup(own_close) int fd = open_top();
    CHECK_DONE(directory_walk(fd, see, &seen, check_error));
    check_make_directory("top/1/2/3/4/5/6/7/8/9");
    CHECK_REFUSED(directory_walk(fd, see, &seen, check_error),
                  "1/2/3/4/5/6/7/8/9 is more than 8 directories deep");
}

static void a_call_that_fails_is_a_sentence(void)
{
    bool has_failed = true;
    make_tree();
    for (size_t number = 1; has_failed; number++) {
        struct seen seen = { 0 };
        cleanup(own_close) int fd = open_top();
        check_error->sentence[0] = '\0';
        check_about("call %zu", number);
        check_calls_fail(number);
        bool done = directory_walk(fd, see, &seen, check_error);
        has_failed = check_calls_end();
        CHECK(done == !has_failed && (done || check_error->sentence[0]));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(all_are_visited_and_what_is_below_comes_first), CASE(a_visit_can_end_it),
                     CASE(what_is_too_deep_is_refused), CASE(a_call_that_fails_is_a_sentence));
}
