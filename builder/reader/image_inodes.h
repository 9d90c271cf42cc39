/* image_inodes.h — reads the inodes of an image, in the order of their table.
 */
#pragma once

#include "builder/reader/image_tree.h"

enum {
    IMAGE_INDEX_BYTES = 12, /* an entry of a directory's index, without its name */
    IMAGE_NAME_MAX = 256,
};

/* The unread part of a table. */
struct image_cursor {
    const unsigned char *at;
    size_t left;
};

/* Takes the next `count` bytes, or returns null if there are fewer. */
const unsigned char *image_take(struct image_cursor *cursor, size_t count);

/* Reads the inodes of the tree, whose tables have been read; see image_tree_read. */
must_check bool image_inodes_read(const struct image_file *file, const struct image_table *ids,
                                  struct arena *arena, struct image_tree *tree,
                                  struct error *error);

/* Returns the index of the inode at that position, or SIZE_MAX. */
size_t image_inodes_find(const struct image_tree *tree, uint64_t block, uint32_t offset);
