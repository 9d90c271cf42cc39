/* image_budget.h — what reading store images may cost, in proportion to the bytes that are really there.
 *
 * An image of 275 bytes can claim gigabytes of holes, and 49 KB of a compressed ramdisk terabytes. So
 * all that is made of an image is paid for, before it is made. Images of one tree, which may be the
 * same bytes under many names, share one budget.
 *
 * Memory    Tables, inodes, names and texts, and the blocks that are kept: 64 MiB, and 64 times the image.
 *           A file takes some 350 bytes of memory; the smallest takes about 6 of an image.
 * Contents  Bytes unpacked, filled in for holes, and hashed: 4 GiB, which is what an old machine hashes in
 *           10 seconds, and 64 times the image. Stores are compressed 2 to 5 times; equal files are stored once.
 * Space     Images unpacked from a compressed ramdisk into TMPDIR: 64 MiB, and 16 times the ramdisk. What
 *           is in it is compressed already.
 */
#pragma once

#include "schema/base/budget.h"

enum {
    IMAGE_MEMORY_FLOOR_BYTES = 64 << 20,
    IMAGE_MEMORY_FACTOR = 64,
    IMAGE_CONTENTS_FACTOR = 64,
    IMAGE_SPACE_FLOOR_BYTES = 64 << 20,
    IMAGE_SPACE_FACTOR = 16,

    /* What lists of an image's blocks, files and names take, whoever makes them. */
    IMAGE_MEMORY_OF_BLOCK = 128,
    IMAGE_MEMORY_OF_FILE = 64,
    /* A text, and the values that are made of it. */
    IMAGE_MEMORY_OF_TEXT = 4,
};

static const uint64_t image_contents_floor_bytes = (uint64_t)4 << 30;

struct image_budget {
    struct budget memory, contents, space;
};

/* A budget that nothing was paid into. contents_bytes is a limit for the contents instead of floor and
 * factor; 0: none. */
struct image_budget image_budget_make(uint64_t contents_bytes);

/* The file was given, too. Each file is to be paid in once. */
void image_budget_pay(struct image_budget *budget, uint64_t real_bytes);
