#include "builder/unpack/tree_descent.h"

#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

struct tree_descent tree_descent_start(int top)
{
    return (struct tree_descent){ .top = top, .directory = top };
}

static void change_to(struct tree_descent *descent, int directory)
{
    if (descent->directory != descent->top)
        own_close(&descent->directory);
    descent->directory = directory;
}

void tree_descent_release(struct tree_descent *descent)
{
    change_to(descent, descent->top);
    descent->depth = 0;
}

bool tree_descent_enter(struct tree_descent *descent, const char *name)
{
    int fd = openat(descent->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    change_to(descent, fd);
    descent->depth++;
    return true;
}

bool tree_descent_leave(struct tree_descent *descent, struct error *error)
{
    assert(descent->depth > 0);
    int above = descent->top;
    if (descent->depth > 1)
        above = openat(descent->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return error_errno(error, errno, "open the directory above");
    change_to(descent, above);
    descent->depth--;
    return true;
}
