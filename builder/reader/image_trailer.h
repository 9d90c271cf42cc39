/* image_trailer.h — what follows an image: a record of how its blocks were compressed, and a
 * checksum.
 *
 * Shape    Zeros up to a multiple of 4 KiB. In an image that regd-build made, these end with:
 *            record     "regd-blocks ", a block record (codec/block_record.h), "\n"; printable
 *                       ASCII. Images of older versions have none.
 *            magic      "regd-crc"
 *            checksum   CRC-32 of ISO 3309, as in gzip, little-endian: of the used part of the
 *                       image after the super block (96 bytes), then of the super block, then of
 *                       the record with its first word and its "\n"
 *          If the zeros have no room for that, there are 4 KiB more. The checksum finds every
 *          change of a single bit and every burst of up to 32 bits. The contents of paths are also
 *          covered by a SHA-256, their NAR hash.
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
    IMAGE_TRAILER_ZEROS,    /* as from mksquashfs; or nothing at all */
    IMAGE_TRAILER_CHECKSUM, /* with a checksum, as above */
    IMAGE_TRAILER_UNKNOWN   /* something else, or too long */
};

struct image_trailer {
    enum image_trailer_kind kind;
    struct str line;   /* the record, with its first word and "\n"; empty: none */
    struct str record; /* the record without these */
    uint32_t checksum;
};

/* Returns the size of the trailer of an image with used_bytes. record_bytes does not include the
 * first word and "\n"; it is 0 for an image without a record. */
size_t image_trailer_bytes(uint64_t used_bytes, size_t record_bytes);

/* Formats the trailer. `checksum` is that of the bytes after the super block and of the super
 * block. */
struct str image_trailer_format(uint64_t used_bytes, struct str record, uint32_t checksum,
                                struct arena *arena);

/* Parses a trailer. The result has slices of `text`. */
struct image_trailer image_trailer_parse(struct str text);

/* Returns the checksum that the trailer should have. `checksum` is that of the image. */
uint32_t image_trailer_checksum(const struct image_trailer *trailer, uint32_t checksum);

/* Reads the trailer of an image. */
must_check bool image_trailer_read(const struct image_file *file, struct arena *arena,
                                   struct image_trailer *ret_trailer, struct error *error);
