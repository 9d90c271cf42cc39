/* image_sizes.h — what each child of an image's root takes, before and after compression.
 *
 * Shared   Of equal contents, which are stored once, the first path in the order of names has the
 *          compressed bytes. Those of a fragment block are shared out by what each file has of it,
 *          so that the sum over all is exact.
 */
#pragma once

#include "builder/reader/image_reader.h"

struct image_size {
    struct str name;
    uint64_t file_count, directory_count, link_count;
    uint64_t size_bytes;   /* of its files' contents */
    uint64_t packed_bytes; /* of these in the image */
};

struct image_sizes {
    struct image_size *items; /* one for each child of the root, in its order */
    size_t count;
    struct image_size total;
    uint64_t image_bytes; /* with the padding */
    uint64_t table_bytes; /* of it everything that is not file data */
};

/* Nothing of the files is read. */
struct image_sizes image_sizes_take(const struct image *image, struct arena *arena);

/* The item of a node below the root. */
const struct image_size *image_sizes_of(const struct image_sizes *sizes, uint32_t top);
