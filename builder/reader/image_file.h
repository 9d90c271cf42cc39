/* image_file.h — reads the bytes and the super block of a squashfs image.
 *
 * This file and those that build on it, image_decoder.h and image_table.h, know where the parts of
 * an image are, but not what they mean (image_tree.h, image_reader.h). Every number of the image is
 * checked before it is used: nothing outside the image is read, and no more is allocated or unpacked
 * than the budget allows (image_budget.h): at most IMAGE_TABLE_MAX for a table, and two blocks for a
 * thread.
 *
 * Shape    Super block, [compressor options], file data, then tables; all numbers little-endian.
 * Source   The kernel's fs/squashfs/squashfs_fs.h.
 */
#pragma once

#include "builder/reader/image_budget.h"
#include "schema/base/arena.h"

enum {
    IMAGE_SUPER_BYTES = 96,
    IMAGE_BLOCK_MAX = 1 << 20,
    IMAGE_ALIGN_BYTES = 4096,
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
    uint64_t size_bytes;       /* from there to the end of the file, or to the verity data */
    uint64_t verity_bytes;     /* behind the image: from the superblock of dm-verity on; 0: none */
    uint64_t dictionary_bytes; /* of the compressor's options (image_options.h); 0: none */
    const char *compression_name;
    struct image_budget *budget;
    struct image_super super;
};

/* Reads and checks the super block. If the place has no budget, one is made in the arena. Refuses a
 * file that is not squashfs 4.0, is truncated, or has its tables in another order. */
must_check bool image_file_open(const struct image_place *place, struct arena *arena,
                                struct image_file *ret_file, struct error *error);

/* Reads raw bytes of the image. Refuses bytes outside of it. */
must_check bool image_file_read(const struct image_file *file, uint64_t start, void *bytes,
                                size_t size_bytes, struct error *error);
