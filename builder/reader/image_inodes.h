/* image_inodes.h — the inodes of an image, one behind the other as they stand in their table.
 */
#pragma once

#include "builder/reader/image_tree.h"

enum {
    IMAGE_INDEX_BYTES = 12, /* of an entry in a directory's index, without its name */
    IMAGE_NAME_MAX = 256,
};

/* What is left of a table. */
struct image_cursor {
    const unsigned char *at;
    size_t left;
};

/* The next bytes, or null if there are fewer. */
const unsigned char *image_take(struct image_cursor *cursor, size_t count);

/* Reads the inodes of the tree, whose tables are in place; see image_tree_read. */
must_check bool image_inodes_read(const struct image_file *file, const struct image_table *ids,
                                  struct arena *arena, struct image_tree *tree,
                                  struct error *error);

/* The index of the inode that stands there, or SIZE_MAX. */
size_t image_inodes_find(const struct image_tree *tree, uint64_t block, uint32_t offset);
