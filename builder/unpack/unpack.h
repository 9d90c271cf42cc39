/* unpack.h — writes store paths of an image to the store of a root, each checked.
 *
 * At any moment a store path that has its own name is whole and on disk: it is written under a
 * temporary name (path_draft.h), and renamed after its NAR hash was found right and the file system
 * was synced. Paths are synced and renamed in rounds of UNPACK_ROUND_BYTES, because a sync of each
 * path would take most of the time. A run that ends early leaves the whole rounds, and the next one
 * goes on from there.
 *
 * Left     A path that is there with the right NAR hash.
 * Refused  A path that is there with another hash: nothing is written then. A path that is not in
 *          the image and not in the store. Data that is damaged, or has another hash.
 * Lock     The store directory is locked (flock) against a second run. Nix does not know this lock:
 *          its garbage collector must not run in that store meanwhile.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/crew.h"
#include "schema/nix/store.h"

enum { UNPACK_ROUND_BYTES = 512 << 20 };

struct unpack_request {
    const struct image *image;
    const struct store *store; /* the store directory is created if it is missing */
    const bool *chosen;        /* for each path of the image's manifest */
    const struct crew *crew;
};

struct unpack_result {
    size_t written_count, held_count; /* paths */
    uint64_t written_bytes;           /* of NARs */
};

/* On failure, rounds that were whole remain, and no temporary name does. */
must_check bool unpack(const struct unpack_request *request, struct arena *arena,
                       struct unpack_result *ret_result, struct error *error);
