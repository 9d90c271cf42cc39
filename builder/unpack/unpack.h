/* unpack.h — makes a store on disk from images.
 *
 * Each path is written under a temporary name, and hashed while it is written, from the same bytes. It
 * gets its name when its NAR hash is that of the manifest and its data is on disk. So what has its name
 * is whole and right, whenever the program or the machine stops; what is there already and right is
 * left, and a run that was stopped is continued by the next one.
 *
 * Work     The threads of the crew unpack one path each, the largest first. Data is synced to disk once
 *          for each UNPACK_BATCH_BYTES.
 * Links    are made in the end, also in the paths that were there, if an image has them.
 * Refused  A path that exists with another NAR hash, or that neither the images nor the store have; an
 *          image whose path is not as listed; too little space. All that can be seen without reading
 *          the images' files is refused before the first path is written.
 */
#pragma once

#include "builder/output/progress.h"
#include "builder/reader/image_reader.h"
#include "builder/unpack/unpack_choice.h"
#include "schema/base/crew.h"
#include "schema/nix/store.h"

enum { UNPACK_BATCH_BYTES = 1 << 30 };

struct unpack_request {
    const struct store *store;  /* where to; its directory is created if it is missing */
    const struct image *images; /* the manifest is that of the first one */
    size_t image_count;
    const bool *chosen; /* per path of that manifest: is it wanted? */
    bool optimises;     /* equal files become one; see tree_linker.h */
    const struct crew *crew;
    struct progress *progress;
};

struct unpack_result {
    size_t written_count, kept_count; /* paths; `kept` were there */
    uint64_t written_bytes;           /* of their NARs */
    size_t linked_count;              /* files that became another's */
};

/* On failure, the paths that have their names are whole; nothing else is left. */
must_check bool unpack(const struct unpack_request *request, struct arena scratch,
                       struct unpack_result *ret_result, struct error *error);
