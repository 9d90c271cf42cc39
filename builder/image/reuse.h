/* reuse.h — copies compressed blocks from an older image.
 *
 * Every block of the old image is unpacked and hashed (SHA-256). When a block is to be compressed
 * and the old image has one with its hash, that one is copied instead. The new image has the same
 * bytes as if all blocks had been compressed. Only the content of a block matters, not its path.
 * Damaged blocks are never copied, because they do not unpack to the right content.
 *
 * Trust    The old image must have the same record (image_trailer.h, block_record.h) as the new
 *          one: the same parameters and the same versions of libraries. If an image lies about
 *          that, the new image gets other bytes, which still unpack to the same.
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
    struct hash hash;        /* of the unpacked bytes */
    struct hash packed_hash; /* of the bytes that are copied */
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

/* Opens an image for reuse; its descriptor is read later, too. block_bytes is the block size of the
 * new image. Fails if the image cannot be reused; then the caller compresses all blocks, and warns
 * with the sentence. */
must_check bool reuse_open(const struct reuse_request *request, uint32_t block_bytes,
                           struct arena *arena, struct reuse *ret_reuse, struct error *error);

/* Returns the old block with this content, or null. Threads may call it at the same time. */
const struct reuse_block *reuse_find(const struct reuse *reuse, const void *data,
                                     size_t size_bytes);

/* Reads a block as it is stored, in block.packed_bytes. Fails if it has changed since the image was
 * opened. */
must_check bool reuse_read(const struct reuse *reuse, const struct reuse_block *block, void *bytes,
                           struct error *error);
