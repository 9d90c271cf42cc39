/* image.h — from the roots of a closure to the store image: the steps that every command shares.
 */
#pragma once

#include "builder/closure.h"
#include "builder/content.h"
#include "builder/squashfs.h"

struct image_source {
    struct closure closure;
    struct inventory inventory;
};

#define IMAGE_SOURCE_NONE ((struct image_source){ .inventory = { .store = -1 } })

/* Finds the closure, formats its manifest, walks its paths and reads them. `with_signatures`: beside the manifest
 * stands a description with what the manifest cannot say (path_info_json.h). */
must_check bool image_prepare(const struct closure_request *request,
                              const struct content_options *content, bool with_signatures,
                              struct arena *arena, struct image_source *ret_source,
                              struct error *error);

/* For `cleanup`. */
void image_release(const struct image_source *source);
