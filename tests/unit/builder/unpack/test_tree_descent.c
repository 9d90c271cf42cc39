#include "tests/check.h"

#include "builder/unpack/tree_descent.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static ino_t inode_of(int directory)
{
    struct stat status = { 0 };
    CHECK(fstat(directory, &status) == 0);
    return status.st_ino;
}

static void it_goes_down_and_comes_back(struct arena arena)
{
    (void)arena;
    int top = check_directory();
    CHECK(mkdirat(top, "a", 0755) == 0 && mkdirat(top, "a/b", 0755) == 0);
    cleanup(tree_descent_release) struct tree_descent descent = tree_descent_start(top);
    CHECK(tree_descent_enter(&descent, "a"));
    ino_t first = inode_of(descent.directory);
    CHECK(tree_descent_enter(&descent, "b"));
    CHECK_NUMBER(descent.depth, 2);
    CHECK_DONE(tree_descent_leave(&descent, check_error));
    CHECK_NUMBER(inode_of(descent.directory), first);
    CHECK_DONE(tree_descent_leave(&descent, check_error));
    CHECK_NUMBER(descent.directory, top);
    CHECK_NUMBER(descent.depth, 0);
}

static void a_link_is_not_followed(struct arena arena)
{
    (void)arena;
    int top = check_directory();
    CHECK(mkdirat(top, "a", 0755) == 0 && symlinkat("a", top, "link") == 0);
    cleanup(tree_descent_release) struct tree_descent descent = tree_descent_start(top);
    CHECK(!tree_descent_enter(&descent, "link") && errno == ENOTDIR);
    CHECK_NUMBER(descent.directory, top);
    CHECK_NUMBER(descent.depth, 0);
}

/* The top is the caller's. */
static void a_release_closes_what_it_opened(struct arena arena)
{
    (void)arena;
    int top = check_directory();
    CHECK(mkdirat(top, "a", 0755) == 0);
    struct tree_descent descent = tree_descent_start(top);
    CHECK(tree_descent_enter(&descent, "a"));
    int opened = descent.directory;
    tree_descent_release(&descent);
    CHECK(fcntl(opened, F_GETFD) < 0 && errno == EBADF);
    CHECK(fcntl(top, F_GETFD) >= 0);
}

int main(void)
{
    return CHECK_ALL(CASE(it_goes_down_and_comes_back), CASE(a_link_is_not_followed),
                     CASE(a_release_closes_what_it_opened));
}
