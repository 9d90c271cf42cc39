/* inspection.h — an image that is inspected: what is in it, and why.
 *
 * Answers  by default    counts, sizes before and after compression, memory to boot, largest paths
 *          --closure A   the paths that A needs, itself among them, and what they take
 *          --why A B     a shortest chain of references from A to B
 *          --svg FILE    besides, a picture of where the bytes go (treemap.h)
 *          A and B are store paths, base names, or a part of a name that only one path has.
 * Refused  What cannot be read (image_reader.h), and a name of no path or of several. The contents
 *          of files are not looked at: `verify` does.
 */
#pragma once

#include "builder/inspect/image_sizes.h"
#include "builder/reader/image_trailer.h"

#include <cjson/cJSON.h>

struct inspection {
    struct str store_dir;
    bool as_json, is_quiet; /* how answers are printed */
    struct arena *arena;
    struct image image;
    struct image_sizes sizes;
    struct image_trailer trailer;
};

/* Opens an image, whose file stays the caller's, and open. */
must_check bool inspection_open(const struct image_place *place, struct inspection *inspection,
                                struct error *error);

/* Is a path of the manifest in this image? A manifest lists those of images below, too. */
bool inspection_has(const struct inspection *inspection, uint32_t item);

/* What a path of the manifest takes in this image: nothing at all if it is not in it. */
const struct image_size *inspection_size(const struct inspection *inspection, uint32_t item);

struct str inspection_path(const struct inspection *inspection, uint32_t item, struct arena *arena);

cJSON *inspection_item_json(const struct inspection *inspection, uint32_t item);
