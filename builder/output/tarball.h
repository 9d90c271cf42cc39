/* tarball.h — a tree as one file, to be copied to a machine and unpacked anywhere.
 *
 * Shape    tar, the names without a directory in front, so that ./kexec-boot is where it is
 *          unpacked. Owner 0:0, times 1, modes 0644 and 0755, a second name of a file is a hard
 *          link. Ascending by name. The file's suffix says how it is compressed: .tar, .tar.gz,
 *          .tar.xz, .tar.zst; at a low level, as nearly all of it is compressed already.
 * Bytes    The same tree gives the same bytes.
 */
#pragma once

#include "builder/output/output.h"

#include "schema/base/options.h"

/* Does the name say how to compress? */
must_check bool tarball_check_name(const char *name, struct error *error);

/* One under construction, or none. */
struct tarball {
    struct output output;
    struct draft draft;
};

#define TARBALL_NONE ((struct tarball){ { .directory = -1 }, { .fd = -1 } })

/* Starts one of the tree that is made as `tree`. Refuses the tree's own name, and a place in a former
 * tree, which is going to be removed. */
must_check bool tarball_open(const char *path, const struct output *tree, struct arena *arena,
                             struct tarball *ret_tarball, struct error *error);

/* Writes files of a directory into it, in the order of their names; puts `names` in that order. Where
 * there is no tarball, nothing is done, here and below. */
must_check bool tarball_write(const struct tarball *tarball, int directory,
                              const struct option_list *names, struct error *error);

/* Gives it its name. */
must_check bool tarball_publish(struct tarball *tarball, struct error *error);

/* Removes what was not published. For `cleanup`. */
void tarball_release(struct tarball *tarball);
