/* prune.h — removes old systems from a published root, and images that no system has any more.
 *
 * Kept     The `keep` systems that were current or previous last; always current and previous.
 * Grace    A machine may have started from a system just before it was replaced, and fetches its images
 *          minutes later, or when the network is back. So a system, and an image, is removed only after
 *          a time: PRUNE_GRACE_SECONDS, a day, in which a machine has booted or somebody looks after it.
 *          A machine that starts an old ramdisk from its own disk needs the system longer: raise `keep`.
 */
#pragma once

#include "builder/publish/published.h"

#include "schema/base/options.h"

enum { PRUNE_GRACE_SECONDS = 24 * 60 * 60 };

struct prune_request {
    size_t keep;
    uint64_t grace_seconds;
    time_t now_seconds; /* since the epoch */
};

struct prune {
    struct option_list names;    /* of the systems to remove */
    struct option_list warnings; /* sentences about what is not removed, and should */
    size_t waiting_count;        /* systems that stay until the grace is over */
    size_t store_count;          /* images removed */
};

/* Takes the systems that are to go out of `published`, so that fleet.json can be written without them
 * first. A system that holds files that no run made stays. */
struct prune prune_choose(struct published *published, const struct prune_request *request,
                          struct arena *arena);

/* Removes these systems, each under the name of a draft first, so that none is ever served in part; then
 * the images that no system has. While systems/ has strays no image is removed: they might need it. */
must_check bool prune_remove(const struct published *published, const struct prune_request *request,
                             struct arena *arena, struct prune *prune, struct error *error);
