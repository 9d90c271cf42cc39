/* reuse.h — taking compressed blocks over from an older image.
 *
 * Every block of the old image is unpacked and hashed (SHA-256). A block that is about to be
 * compressed and whose hash is known is copied instead. So the new image is the same, bit by bit, as
 * if all had been compressed: what counts is what a block holds, not which path it is said to
 * belong to, and damage is not copied, since damaged blocks do not unpack to what is looked for.
 *
 * Trust    The old image must carry the very record (image_trailer.h, block_record.h) that the new one
 *          gets: same parameters, same versions of the libraries. An image that lies about its own
 *          blocks gives other bytes that unpack to the same.
 */
#pragma once

#include "builder/codec/compression.h"
#include "builder/reader/image_reader.h"
#include "schema/base/crew.h"

struct reuse_request {
    struct image_place place; /* of the old image; its descriptor is borrowed */
    const struct compression *compression;
    struct str store_dir;
    const struct crew *crew;
};

struct reuse_block {
    struct hash hash; /* of the unpacked bytes */
    uint32_t unpacked_bytes;
    struct image_block block;
};

struct reuse {
    struct image image;
    struct reuse_block *blocks; /* ascending by hash */
    size_t count;
    size_t damaged; /* blocks that could not be unpacked */
};

#define REUSE_NONE ((struct reuse){ 0 })

/* Opens an image for reuse, and reads from the place's descriptor from then on; block_bytes is the
 * size that the new one's blocks have. Refuses what cannot be reused: then everything is compressed,
 * and the sentence is worth telling. */
must_check bool reuse_open(const struct reuse_request *request, uint32_t block_bytes,
                           struct arena *arena, struct reuse *ret_reuse, struct error *error);

/* The old block that holds these bytes, or null. For any number of threads. */
const struct reuse_block *reuse_find(const struct reuse *reuse, const void *data,
                                     size_t size_bytes);

/* Reads a block as it is stored, block.packed_bytes. */
must_check bool reuse_read(const struct reuse *reuse, const struct reuse_block *block, void *bytes,
                           struct error *error);
