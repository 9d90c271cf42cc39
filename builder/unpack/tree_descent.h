/* tree_descent.h — the current directory of who goes through a tree that lies on disk.
 *
 * Only single names are passed to the kernel, and one directory is open at a time, so no path is too long
 * and no link is followed.
 */
#pragma once

#include "schema/base/error.h"

#include <stddef.h>

struct tree_descent {
    int top;       /* the directory that has the tree; borrowed */
    int directory; /* the current one; owned, unless it is the top */
    size_t depth;  /* levels below the top */
};

struct tree_descent tree_descent_start(int top);

/* Goes back to the top. For `cleanup`. */
void tree_descent_release(struct tree_descent *descent);

/* Goes into the directory of this name. On failure errno says why, and nothing has changed. */
must_check bool tree_descent_enter(struct tree_descent *descent, const char *name);

/* Goes back to the directory above; not from the top. */
must_check bool tree_descent_leave(struct tree_descent *descent, struct error *error);
