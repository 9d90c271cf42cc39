/* image_file.h — a squashfs image as bytes: its super block, its compressed blocks and its tables.
 *
 * Knows where things are, and nothing of what they mean (image_reader.h). Every number of the image
 * is checked before it is used: nothing outside the image is read, and no more is allocated or unpacked
 * than its budget allows (image_budget.h): IMAGE_TABLE_MAX for a table, and two blocks for a thread.
 *
 * Shape    Super block, [compressor options], file data, then tables; all numbers little-endian.
 *          A table is a chain of blocks of 8 KiB (the last may be shorter), each compressed alone
 *          behind 16 bits: its length, and whether it is stored as it is. A table with an index is
 *          followed by the positions of its blocks, 64 bits each.
 * Source   The kernel's fs/squashfs/squashfs_fs.h. libsquashfs decompresses; its own readers of
 *          tables are not used: they do not tell which bytes they have left out.
 */
#pragma once

#include "builder/reader/image_budget.h"
#include "schema/base/arena.h"

enum {
    IMAGE_SUPER_BYTES = 96,
    IMAGE_TABLE_BLOCK_BYTES = 8192,
    IMAGE_BLOCK_MAX = 1 << 20,
    IMAGE_ALIGN_BYTES = 4096,
    IMAGE_TABLE_MAX = 1 << 30, /* of one table, unpacked: tens of millions of files */
};

/* "There is no such table." */
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
    int fd;                      /* stays the caller's */
    uint64_t offset, size_bytes; /* 0: all that follows */
    const char *name;            /* what sentences call it */
    struct image_budget
        *budget; /* borrowed; null: one of its own, for what its file really takes */
};

struct image_file {
    int fd; /* borrowed */
    uint64_t offset;
    uint64_t size_bytes; /* from there to the end of the file */
    const char *compression_name;
    struct image_budget *budget;
    struct image_super super;
};

/* Decompresses, one for each thread. */
struct image_decoder {
    /* One of them, owned. libsquashfs makes a context for each block of zstd, and zlib takes three
     * times as long as libdeflate. */
    void *zstd;
    void *deflate;
    void *compressor; /* libsquashfs' */
    unsigned char *packed;
};

#define IMAGE_DECODER_NONE ((struct image_decoder){ .compressor = NULL })

/* Where a compressed block is. */
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
    uint64_t *block_positions; /* from range.start on, ascending; one more for the end */
    size_t block_count;
};

uint16_t image_u16(const unsigned char *bytes);
uint32_t image_u32(const unsigned char *bytes);
uint64_t image_u64(const unsigned char *bytes);

/* Reads and checks the super block. The arena holds a budget if the place has none.
 * Refuses what is no squashfs 4.0, is cut off, or has tables that do not follow each other. */
must_check bool image_file_open(const struct image_place *place, struct arena *arena,
                                struct image_file *ret_file, struct error *error);

/* Reads bytes of the image as they are. Refuses what lies outside. */
must_check bool image_file_read(const struct image_file *file, uint64_t start, void *bytes,
                                size_t size_bytes, struct error *error);

/* Makes a decoder; the arena gives a block. Refuses a compression that the library cannot undo. */
must_check bool image_decoder_make(const struct image_file *file, struct arena *arena,
                                   struct image_decoder *ret_decoder, struct error *error);

/* For `cleanup`. */
void image_decoder_release(const struct image_decoder *decoder);

/* Unpacks a block of file data of at most `room` bytes, IMAGE_BLOCK_MAX at most. They are paid for. */
must_check bool image_block_read(const struct image_file *file, struct image_decoder *decoder,
                                 struct image_block block, unsigned char *bytes, size_t room,
                                 size_t *ret_size_bytes, struct error *error);

/* Reads the table whose blocks are exactly [range.start, range.end). */
must_check bool image_table_read(const struct image_file *file, struct image_decoder *decoder,
                                 struct image_range range, struct arena *arena,
                                 struct image_table *ret_table, struct error *error);

/* Reads a table of `size_bytes`, unpacked, whose index is at `index`. *ret_index is the index's
 * range. */
must_check bool image_table_read_indexed(const struct image_file *file,
                                         struct image_decoder *decoder, struct image_range *index,
                                         uint64_t size_bytes, struct arena *arena,
                                         struct image_table *ret_table, struct error *error);

/* The unpacked position of what stands `offset` bytes into the block at `block`, or SIZE_MAX. The
 * table's end has a position too. */
size_t image_table_find(const struct image_table *table, uint64_t block, uint32_t offset);
