/* image_trailer.h — what stands behind an image: how its blocks were made, and a checksum.
 *
 * Shape    Zeros up to a multiple of 4 KiB. Where our builder made the image these end, without a gap:
 *            record     "regd-blocks ", a block record (codec/block_record.h), "\n"; printable ASCII.
 *                       Images of older builders have none.
 *            magic      "regd-crc"
 *            checksum   CRC-32 of ISO 3309, as gzip has it, little-endian: of all that follows the
 *                       super block (96 bytes) and is in use, then of the super block, then of the
 *                       record with its first word and its "\n"
 *          So there are 4 KiB more than usual where the zeros have no room for it.
 *          The checksum finds each single bit and each burst of up to 32 that changed; what a path
 *          holds is under a SHA-256 anyway, its NAR hash.
 */
#pragma once

#include "builder/codec/block_record.h"
#include "builder/reader/image_file.h"

#define IMAGE_TRAILER_RECORD "regd-blocks "
#define IMAGE_TRAILER_MAGIC  "regd-crc"

enum {
    IMAGE_TRAILER_MAGIC_BYTES = sizeof IMAGE_TRAILER_MAGIC - 1,
    IMAGE_TRAILER_CHECKSUM_BYTES = IMAGE_TRAILER_MAGIC_BYTES + sizeof(uint32_t),
    IMAGE_TRAILER_MAX = 2 * IMAGE_ALIGN_BYTES,
};

enum image_trailer_kind {
    IMAGE_TRAILER_ZEROS,    /* as mksquashfs leaves it; or there is nothing at all */
    IMAGE_TRAILER_CHECKSUM, /* as above */
    IMAGE_TRAILER_UNKNOWN   /* something else, or longer than it can be */
};

struct image_trailer {
    enum image_trailer_kind kind;
    struct str line;   /* the record with its first word and its "\n"; empty: none */
    struct str record; /* without them */
    uint32_t checksum;
};

/* Bytes from the end of what is in use to the end of the image; record_bytes is without the first
 * word and the "\n", and 0 for an image without a record. */
size_t image_trailer_bytes(uint64_t used_bytes, size_t record_bytes);

/* What follows the image: `checksum` is that of all that follows the super block, and of this. */
struct str image_trailer_format(uint64_t used_bytes, struct str record, uint32_t checksum,
                                struct arena *arena);

/* The result is made of slices of text. */
struct image_trailer image_trailer_parse(struct str text);

/* What the trailer's checksum should be, of an image with this one. */
uint32_t image_trailer_checksum(const struct image_trailer *trailer, uint32_t checksum);

/* Reads what stands behind the image. */
must_check bool image_trailer_read(const struct image_file *file, struct arena *arena,
                                   struct image_trailer *ret_trailer, struct error *error);
