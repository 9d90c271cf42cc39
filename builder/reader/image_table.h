/* image_table.h — reads the tables of a squashfs image.
 *
 * libsquashfs' own readers of tables are not used, because they do not report which bytes they have
 * skipped.
 *
 * Shape    A table is a sequence of blocks of 8 KiB (the last may be shorter). Each is compressed
 *          separately and starts with 16 bits: its length, and whether it is uncompressed. A table
 *          with an index is followed by the positions of its blocks, 64 bits each.
 * Source   The kernel's fs/squashfs/squashfs_fs.h.
 */
#pragma once

#include "builder/reader/image_decoder.h"

enum {
    IMAGE_TABLE_BLOCK_BYTES = 8192,
    IMAGE_TABLE_MAX = 1 << 30, /* unpacked size of a table: tens of millions of files */
};

/* A part of the image. */
struct image_range {
    uint64_t start, end;
    const char *what;
};

struct image_table {
    const unsigned char *bytes; /* unpacked */
    size_t size_bytes;
    struct image_range range;  /* of its blocks */
    uint64_t *block_positions; /* from range.start, ascending; the last one is the end */
    size_t block_count;
};

/* Reads the table whose blocks take exactly the bytes [range.start, range.end). */
must_check bool image_table_read(struct image_decoder *decoder, struct image_range range,
                                 struct arena *arena, struct image_table *ret_table,
                                 struct error *error);

/* Reads a table of `size_bytes`, unpacked, whose index starts at index->start. Sets index->end. */
must_check bool image_table_read_indexed(struct image_decoder *decoder, struct image_range *index,
                                         uint64_t size_bytes, struct arena *arena,
                                         struct image_table *ret_table, struct error *error);

/* Returns the position in the unpacked table of byte `offset` of the block that starts at `block`,
 * or SIZE_MAX if there is none. The table's end is a position, too. */
size_t image_table_find(const struct image_table *table, uint64_t block, uint32_t offset);
