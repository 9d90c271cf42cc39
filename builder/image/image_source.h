/* image_source.h — prepares the content of a store image: closure, manifest, inventory.
 */
#pragma once

#include "builder/closure/closure.h"
#include "builder/image/content.h"
#include "builder/image/squashfs.h"
#include "builder/output/input_files.h"

struct image_source {
    struct closure closure;
    size_t held_count; /* how many of its paths are in base images */
    struct inventory inventory;
};

#define IMAGE_SOURCE_NONE ((struct image_source){ .inventory = { .store = -1 } })

struct image_options {
    struct content_options content;
    /* Add nix-path-registration.json, for what has no place in the manifest (path_info_json.h). */
    bool with_signatures;
    /* Add what Nix wants of a lower store: see image_source.c. */
    bool is_lower;
    struct input_files bases; /* base images: their paths are only listed; borrowed */
};

/* Finds the closure, formats its manifest, and walks and reads its paths. */
must_check bool image_source_take(const struct closure_request *request,
                                  const struct image_options *options, struct arena *arena,
                                  struct image_source *ret_source, struct error *error);

/* For `cleanup`. */
void image_source_release(const struct image_source *source);
