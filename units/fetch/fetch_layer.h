/* fetch_layer.h — fetches one layer: its verity data, checked down from the root hash, then its image.
 *
 * Files    DIRECTORY/HEX.squashfs, and on a disk HEX.verity. They have these names only when both are complete
 *          and right. On a tmpfs the verity data is memory of this process only.
 */
#pragma once

#include "units/fetch/fetch_file.h"
#include "units/fetch/fetch_request.h"

struct fetch_target {
    int directory;
    bool is_memory; /* a tmpfs */
};

/* Fetches from the layer's own URL, if it has one, or else from the mirrors. */
must_check bool fetch_layer(const struct fetching *fetching, const struct fetch_layer *layer,
                            const struct fetch_target *target, struct error *error);
