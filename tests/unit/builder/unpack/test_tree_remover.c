#include "tests/check_calls.h"

#include "builder/unpack/tree_remover.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void files_and_links_go_and_what_links_lead_to_stays(struct arena arena)
{
    int top = check_directory();
    check_file("kept/file", STR("x"));
    check_file("file", STR("y"));
    CHECK(symlinkat("kept", top, "link") == 0);
    CHECK_DONE(tree_remove(top, "file", check_error));
    CHECK_DONE(tree_remove(top, "link", check_error));
    CHECK_DONE(tree_remove(top, "absent", check_error));
    CHECK_STR(check_names(".", &arena), " kept");
    CHECK_STR(check_content("kept/file", &arena), "x");
}

/* Directories are read-only, as in a store, and some have the names that what is moved up gets. */
static void directories_go_with_all_that_they_hold(struct arena arena)
{
    int top = check_directory();
    check_file("tree/a/b/file", STR("x"));
    check_file("tree/1/2/1/2/file", STR("x"));
    check_file("tree/2/file", STR("x"));
    check_make_directory("tree/3");
    CHECK(symlinkat("..", top, "tree/a/link") == 0);
    CHECK(fchmodat(top, "tree/a/b", 0555, 0) == 0 && fchmodat(top, "tree/a", 0555, 0) == 0 &&
          fchmodat(top, "tree", 0555, 0) == 0);
    CHECK_DONE(tree_remove(top, "tree", check_error));
    CHECK_STR(check_names(".", &arena), "");
}

/* Deeper than a path can be long, and than descriptors could be open. */
static void depth_is_no_limit(struct arena arena)
{
    enum { DEPTH = 3000 };
    int top = check_directory(), at = dup(top);
    for (int i = 0; i < DEPTH && at >= 0; i++) {
        CHECK(mkdirat(at, "directory", 0700) == 0);
        int below = openat(at, "directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = below;
    }
    CHECK(at >= 0);
    close(at);
    CHECK_DONE(tree_remove(top, "directory", check_error));
    CHECK_STR(check_names(".", &arena), "");
}

/* Whichever call fails, the next run removes the rest. */
static void each_call_that_fails_is_told(struct arena arena)
{
    int top = check_directory();
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 1; has_failed; number++) {
        check_about("call %zu", number);
        check_file("tree/a/b/file", STR("x"));
        check_file("tree/1/2/file", STR("x"));
        check_calls_fail(number);
        bool done = tree_remove(top, "tree", check_error);
        has_failed = check_calls_end();
        failures += !done;
        if (!done)
            CHECK(has_failed && str_starts(str_from(check_error->sentence), STR("remove tree: ")));
        CHECK_DONE(tree_remove(top, "tree", check_error));
        CHECK_STR(check_names(".", &arena), "");
    }
    CHECK(failures > 20);
}

int main(void)
{
    return CHECK_ALL(CASE(files_and_links_go_and_what_links_lead_to_stays),
                     CASE(directories_go_with_all_that_they_hold), CASE(depth_is_no_limit),
                     CASE(each_call_that_fails_is_told));
}
