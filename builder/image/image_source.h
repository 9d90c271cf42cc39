/* image_source.h — from the roots of a closure to the store image: the steps that every command shares.
 */
#pragma once

#include "builder/closure/closure.h"
#include "builder/image/content.h"
#include "builder/image/squashfs.h"

struct image_source {
    struct closure closure;
    size_t held_count; /* of its paths: what images below hold */
    struct inventory inventory;
};

#define IMAGE_SOURCE_NONE ((struct image_source){ .inventory = { .store = -1 } })

struct image_options {
    struct content_options content;
    /* Beside the manifest stands a description with what it cannot say (path_info_json.h). */
    bool with_signatures;
    const struct option_list *bases; /* images below: what they hold is left out, but listed */
};

/* Finds the closure, formats its manifest, walks its paths and reads them. */
must_check bool image_source_take(const struct closure_request *request,
                                  const struct image_options *options, struct arena *arena,
                                  struct image_source *ret_source, struct error *error);

/* For `cleanup`. */
void image_source_release(const struct image_source *source);
