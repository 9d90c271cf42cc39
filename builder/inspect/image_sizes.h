/* image_sizes.h — the size of each child of an image's root, before and after compression.
 *
 * Shared   Equal contents are stored once; their compressed bytes are counted for the first path in
 *          the order of names. Those of a fragment block are divided in proportion to the bytes
 *          that each file has in it. The sum over all paths is exact.
 */
#pragma once

#include "builder/reader/image_reader.h"

struct image_size {
    struct str name;
    uint64_t file_count, directory_count, link_count;
    uint64_t size_bytes;   /* size of its files' contents */
    uint64_t packed_bytes; /* their size in the image */
};

struct image_sizes {
    struct image_size *items; /* one for each child of the root, in its order */
    size_t count;
    struct image_size total;
    uint64_t image_bytes; /* including the padding */
    uint64_t table_bytes; /* of these, all that is not file data */
};

/* Computes the sizes from the tables, without reading file data. */
struct image_sizes image_sizes_take(const struct image *image, struct arena *arena);

/* Returns the item of a child of the root. */
const struct image_size *image_sizes_of(const struct image_sizes *sizes, uint32_t top);
