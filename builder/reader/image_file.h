/* image_file.h — reads the super block, the compressed blocks and the tables of a squashfs image.
 *
 * This file knows where the parts of an image are, but not what they mean (image_tree.h,
 * image_reader.h). Every number of the image is checked before it is used: nothing outside the
 * image is read, and no more is allocated or unpacked than the budget allows (image_budget.h): at
 * most IMAGE_TABLE_MAX for a table, and two blocks for a thread.
 *
 * Shape    Super block, [compressor options], file data, then tables; all numbers little-endian. A
 *          table is a sequence of blocks of 8 KiB (the last may be shorter). Each is compressed
 *          separately and starts with 16 bits: its length, and whether it is uncompressed. A table
 *          with an index is followed by the positions of its blocks, 64 bits each.
 * Source   The kernel's fs/squashfs/squashfs_fs.h. libsquashfs decompresses. Its own readers of
 *          tables are not used, because they do not report which bytes they have skipped.
 */
#pragma once

#include "builder/reader/image_budget.h"
#include "schema/base/arena.h"

enum {
    IMAGE_SUPER_BYTES = 96,
    IMAGE_TABLE_BLOCK_BYTES = 8192,
    IMAGE_BLOCK_MAX = 1 << 20,
    IMAGE_ALIGN_BYTES = 4096,
    IMAGE_TABLE_MAX = 1 << 30, /* unpacked size of a table: tens of millions of files */
};

/* The position of a table that does not exist. */
#define IMAGE_NO_TABLE UINT64_MAX

enum image_flag {
    IMAGE_STORED_FRAGMENTS = 0x8,
    IMAGE_NO_FRAGMENTS = 0x10,
    IMAGE_ALWAYS_FRAGMENTS = 0x20,
    IMAGE_DEDUPLICATED = 0x40,
    IMAGE_EXPORTABLE = 0x80,
    IMAGE_NO_EXTENDED_ATTRIBUTES = 0x200,
    IMAGE_COMPRESSOR_OPTIONS = 0x400,
};

struct image_super {
    uint32_t inode_count, modified_seconds, block_bytes, fragment_count;
    uint16_t compression, flags, id_count;
    uint64_t root_inode, used_bytes;
    uint64_t id_table, attribute_table, inode_table, directory_table, fragment_table, export_table;
};

/* Where an image is. */
struct image_place {
    int fd;                      /* borrowed */
    uint64_t offset, size_bytes; /* size 0: to the end of the file */
    const char *name;            /* for sentences */
    struct image_budget *budget; /* borrowed; null: image_file_open makes one for this file */
};

struct image_file {
    int fd; /* borrowed */
    uint64_t offset;
    uint64_t size_bytes; /* from there to the end of the file */
    const char *compression_name;
    struct image_budget *budget;
    struct image_super super;
};

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

uint16_t image_u16(const unsigned char *bytes);
uint32_t image_u32(const unsigned char *bytes);
uint64_t image_u64(const unsigned char *bytes);

/* Reads and checks the super block. If the place has no budget, one is made in the arena. Refuses a
 * file that is not squashfs 4.0, is truncated, or has its tables in another order. */
must_check bool image_file_open(const struct image_place *place, struct arena *arena,
                                struct image_file *ret_file, struct error *error);

/* Reads raw bytes of the image. Refuses bytes outside of it. */
must_check bool image_file_read(const struct image_file *file, uint64_t start, void *bytes,
                                size_t size_bytes, struct error *error);

/* Makes a decoder; takes a block from the arena. The file must stay where it is as long as the
 * decoder is used. Refuses a compression that is not supported. */
must_check bool image_decoder_make(const struct image_file *file, struct arena *arena,
                                   struct image_decoder *ret_decoder, struct error *error);

/* For `cleanup`. */
void image_decoder_release(const struct image_decoder *decoder);

/* Unpacks a block of file data. Charges the buffer's room, which is at most IMAGE_BLOCK_MAX, to the
 * budget, and refuses a block that does not fit it. */
must_check bool image_block_read(struct image_decoder *decoder, struct image_block block,
                                 struct image_buffer *buffer, struct error *error);

/* Reads the table whose blocks take exactly the bytes [range.start, range.end). */
must_check bool image_table_read(struct image_decoder *decoder, struct image_range range,
                                 struct arena *arena, struct image_table *ret_table,
                                 struct error *error);

/* Reads a table of `size_bytes`, unpacked, whose index is at `index`. *ret_index is the index's
 * range. */
must_check bool image_table_read_indexed(struct image_decoder *decoder, struct image_range *index,
                                         uint64_t size_bytes, struct arena *arena,
                                         struct image_table *ret_table, struct error *error);

/* Returns the position in the unpacked table of byte `offset` of the block that starts at `block`,
 * or SIZE_MAX if there is none. The table's end is a position, too. */
size_t image_table_find(const struct image_table *table, uint64_t block, uint32_t offset);
