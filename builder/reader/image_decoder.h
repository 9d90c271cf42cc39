/* image_decoder.h — unpacks the compressed blocks of a squashfs image: gzip, lz4, xz or zstd.
 *
 * A block is stored uncompressed if it would not become smaller. Its length, and whether it is
 * stored, stand where it is referred to.
 */
#pragma once

#include "builder/reader/image_file.h"

/* A decompressor of an image's blocks; each thread has its own. */
struct image_decoder {
    const struct image_file *file; /* borrowed */
    /* One of these is set; owned. For zstd and gzip the libraries are used directly, because
     * libsquashfs makes a new zstd context for each block, and zlib takes three times as long as
     * libdeflate. */
    void *zstd;
    void *deflate;
    void *compressor; /* libsquashfs' */
    unsigned char *packed;
};

#define IMAGE_DECODER_NONE ((struct image_decoder){ .file = NULL })

/* Where a block is unpacked to. */
struct image_buffer {
    unsigned char *bytes;
    size_t room;
    size_t size_bytes; /* of what was unpacked */
};

/* The position of a compressed block. */
struct image_block {
    uint64_t start;
    uint32_t packed_bytes;
    bool is_stored; /* not compressed */
};

/* Makes a decoder; takes a block from the arena. The file must stay where it is as long as the
 * decoder is used. Refuses a compression that is not supported. */
must_check bool image_decoder_make(const struct image_file *file, struct arena *arena,
                                   struct image_decoder *ret_decoder, struct error *error);

/* For `cleanup`. */
void image_decoder_release(const struct image_decoder *decoder);

/* Unpacks a block that is in memory. Refuses one that does not fit the buffer's room. */
must_check bool image_block_unpack(struct image_decoder *decoder, const unsigned char *packed,
                                   struct image_block block, struct image_buffer *buffer,
                                   struct error *error);

/* Reads and unpacks a block of file data. Charges the buffer's room, which is at most
 * IMAGE_BLOCK_MAX, to the budget. */
must_check bool image_block_read(struct image_decoder *decoder, struct image_block block,
                                 struct image_buffer *buffer, struct error *error);
