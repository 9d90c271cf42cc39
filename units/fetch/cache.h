/* cache.h — images of earlier boots, kept on a disk by root hash.
 *
 * Files    HEX.squashfs and HEX.verity, where HEX is the root hash; and drafts of them (draft.h) that
 *          a killed run left. Only complete files get these names, but a disk can be damaged, or the
 *          power can fail before it has everything: so each file is verified before it is used.
 */
#pragma once

#include "units/fetch/fetch_request.h"

enum cache_answer {
    CACHE_MISSING,
    CACHE_WHOLE, /* both files are there, and right */
    CACHE_WRONG, /* something is there, but not that; `error` says what is wrong */
};

/* Verifies the files of a layer, with all threads of the crew. */
enum cache_answer cache_find(int directory, const struct layer *layer, const struct crew *crew,
                             struct arena scratch, struct error *error);

/* Removes the files of a layer. */
must_check bool cache_remove(int directory, const struct layer *layer, struct arena scratch,
                             struct error *error);

/* Removes the files of all other layers than these, and their drafts. What is not ours stays.
 * *ret_count is how many were removed. */
must_check bool cache_prune(int directory, const struct fetch_layer *layers, size_t layer_count,
                            unsigned *ret_count, struct error *error);
