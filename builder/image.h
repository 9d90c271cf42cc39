/* image.h — from the roots of a closure to the store image: the steps that every command shares.
 */
#pragma once

#include "builder/closure.h"
#include "builder/squashfs.h"

struct image_source {
    struct closure closure;
    struct str manifest; /* the text that the image carries */
    struct inventory inventory;
};

#define IMAGE_SOURCE_NONE ((struct image_source){ .inventory = { .store = -1 } })

/* Finds the closure, formats its manifest and walks its paths. */
must_check bool image_prepare(const struct closure_request *request, struct arena *arena,
                              struct image_source *ret_source, struct error *error);

/* For `cleanup`. */
void image_release(const struct image_source *source);
