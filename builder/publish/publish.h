/* publish.h — publishes a tree in a root that an HTTP server serves, and takes that back.
 *
 * Order    The tree's files are copied to a draft of the system, then its images to stores/, then the system
 *          gets its name. The links follow, `previous` first, then netboot.ipxe and fleet.json. So
 *          whatever a client finds is whole, and a run that was killed is completed by the next one.
 * Checked  Each copy is compared with SHA256SUMS, and each image with its root hash: a wrong byte would be
 *          refused by every machine. An image that is there already was checked when it came, so only
 *          its size is looked at, and publishing a small change costs no read of gigabytes;
 *          `verify ROOT` reads all.
 * Copies   are never hard links, because the bytes in a root must not change when somebody writes to the tree's
 *          file. Where the file system can (Btrfs, XFS), they share its blocks.
 */
#pragma once

#include "builder/output/output.h"
#include "builder/publish/published.h"

#include "schema/base/crew.h"

struct publish_request {
    int directory;    /* of the tree; borrowed */
    const char *path; /* of the tree, for sentences */
    const char *name; /* of the system */
    const struct published_tree *tree;
    const struct crew *crew;
};

struct publish_result {
    size_t copied_count, held_count; /* images; those that were there already */
    bool is_new;                     /* the system was not there */
};

/* Checks that the links, netboot.ipxe and fleet.json may be replaced, and removes the drafts that killed
 * runs have left. Comes before all writing. */
must_check bool publish_prepare(const struct published *published, struct arena scratch,
                                struct error *error);

/* Copies what the root does not have yet, but changes no link. */
must_check bool publish_copy(const struct published *published,
                             const struct publish_request *request, struct arena scratch,
                             struct publish_result *ret_result, struct error *error);

/* Makes a system the current one, and the current one, if it is another, the previous one. The systems
 * must have been read after publish_copy. */
must_check bool publish_switch(struct published *published, const char *name, struct error *error);

/* Exchanges current and previous. Fails if one is missing, or if both are the same. */
must_check bool publish_roll_back(struct published *published, struct error *error);

/* Writes netboot.ipxe and fleet.json anew. */
must_check bool publish_describe(const struct published *published, struct arena scratch,
                                 struct error *error);
