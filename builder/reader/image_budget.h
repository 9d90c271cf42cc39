/* image_budget.h — limits the cost of reading store images, in proportion to their real size.
 *
 * An image of 275 bytes can claim gigabytes of holes, and a compressed ramdisk of 49 KB terabytes.
 * So every use of memory, time and space is charged to a budget before it happens. The images of a
 * tree share one budget, because they may be the same bytes under many names.
 *
 * Memory    Tables, inodes, names, texts and cached blocks: 64 MiB plus 64 times the image. A file
 *           takes about 350 bytes of memory, and at least 6 bytes of the image.
 * Contents  Bytes that are unpacked and hashed, including holes: 4 GiB, which an old machine hashes
 *           in 10 seconds, plus 64 times the image. Stores are compressed to a half or a fifth, and
 *           equal files are stored once.
 * Space     Images that are unpacked from a compressed ramdisk into TMPDIR: 64 MiB plus 16 times
 *           the ramdisk. The images are already compressed.
 * Files     Files of trees that are hashed: 4 GiB, the size from which a ramdisk does not boot, plus the
 *           bytes that they take on disk: they are compressed, so they have no holes. The systems of a
 *           published root share the 4 GiB.
 */
#pragma once

#include "schema/base/budget.h"

enum {
    IMAGE_MEMORY_FLOOR_BYTES = 64 << 20,
    IMAGE_MEMORY_FACTOR = 64,
    IMAGE_CONTENTS_FACTOR = 64,
    IMAGE_SPACE_FLOOR_BYTES = 64 << 20,
    IMAGE_SPACE_FACTOR = 16,
    IMAGE_FILES_FACTOR = 1,

    /* What lists of an image's blocks and files take, for each item. */
    IMAGE_MEMORY_OF_BLOCK = 128,
    IMAGE_MEMORY_OF_FILE = 64,
    /* A text and the values parsed from it, as a multiple of the text. */
    IMAGE_MEMORY_OF_TEXT = 4,
};

static const uint64_t image_contents_floor_bytes = (uint64_t)4 << 30;
static const uint64_t image_files_floor_bytes = (uint64_t)4 << 30;

struct image_budget {
    struct budget memory, contents, space, files;
};

/* Returns a budget without any file. contents_bytes is a fixed limit for the contents, instead of
 * floor and factor; 0: none. */
struct image_budget image_budget_make(uint64_t contents_bytes);

/* Raises the limits for a file of real_bytes. Call it once for each file. */
void image_budget_pay(struct image_budget *budget, uint64_t real_bytes);
