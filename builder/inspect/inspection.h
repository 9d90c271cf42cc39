/* inspection.h — the data for `regd-build inspect`.
 *
 * Answers  by default    counts, sizes before and after compression, memory to boot, largest paths
 *          --closure A   the paths on which A depends, including A, and their size
 *          --why A B     a shortest chain of references from A to B
 *          --svg FILE    in addition, a picture of the sizes (treemap.h)
 *          A and B are store paths, base names, or a part of a name that only one path has.
 * Refused  An image that cannot be read (image_reader.h), and a name that matches no path or
 *          several. The contents of files are not read; that is for `verify`.
 */
#pragma once

#include "builder/inspect/image_sizes.h"
#include "builder/reader/image_trailer.h"

#include <cjson/cJSON.h>

struct inspection {
    struct str store_dir;
    bool as_json, is_quiet; /* how to print answers */
    struct arena *arena;
    struct image image;
    struct image_sizes sizes;
    struct image_trailer trailer;
    bool has_verity;  /* appended, or in a file beside the image */
    struct hash root; /* of it */
};

/* Opens an image. The caller owns its file and keeps it open. */
must_check bool inspection_open(const struct image_place *place, struct inspection *inspection,
                                struct error *error);

/* Is a path of the manifest in this image? The manifest also lists the paths of base images. */
bool inspection_has(const struct inspection *inspection, uint32_t item);

/* Returns the size of a path in this image; all zero if it is not in the image. */
const struct image_size *inspection_size(const struct inspection *inspection, uint32_t item);

struct str inspection_path(const struct inspection *inspection, uint32_t item, struct arena *arena);

cJSON *inspection_item_json(const struct inspection *inspection, uint32_t item);
