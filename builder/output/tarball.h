/* tarball.h — writes a tree as one file, to be copied to a machine and unpacked anywhere.
 *
 * Shape    tar. Names are relative to the tree, so that ./kexec-boot is in the directory where one
 *          unpacks the file. Directories have no entries of their own. Owner 0:0, times 1, modes 0644
 *          and 0755; a second name of a file is a hard link. Sorted by name. The file's suffix
 *          selects the compression: .tar, .tar.gz, .tar.xz, .tar.zst. The level is low, because
 *          nearly all data is already compressed.
 * Bytes    The same tree gives the same bytes.
 */
#pragma once

#include "builder/output/output.h"

#include "schema/base/draft.h"
#include "schema/base/options.h"

/* Refuses a name without one of these suffixes. */
must_check bool tarball_check_name(const char *name, struct error *error);

/* A tarball that is being written, or none. */
struct tarball {
    struct output output;
    struct draft draft;
};

#define TARBALL_NONE ((struct tarball){ { .directory = -1 }, { .fd = -1 } })

/* Starts the tarball of the tree `tree`. Refuses the tree's own name, and a place inside an older
 * tree of that name, which will be removed. */
must_check bool tarball_open(const char *path, const struct output *tree, struct arena *arena,
                             struct tarball *ret_tarball, struct error *error);

/* Writes the files `names` of a directory into the tarball; sorts `names`. This function and those
 * below do nothing if there is no tarball. */
must_check bool tarball_write(const struct tarball *tarball, int directory,
                              const struct option_list *names, struct error *error);

/* Removes the old tarball and syncs the directory. Called before the tree is published, so that the
 * tarball of one tree is never next to another tree. */
must_check bool tarball_withdraw(const struct tarball *tarball, struct error *error);

/* Gives the tarball its final name. */
must_check bool tarball_publish(struct tarball *tarball, struct error *error);

/* Removes a tarball that was not published. For `cleanup`. */
void tarball_release(struct tarball *tarball);
