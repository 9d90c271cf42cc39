/* image_tree.h — the files, directories and links of an image.
 *
 * Inodes stand in their table one behind the other and are read in this order, so that no byte of
 * it is left out; so are the listings of directories. A file with several names (hard links, which
 * mksquashfs makes) is one inode and several nodes; a directory has one name, so there is no cycle.
 *
 * Order    Node 0 is the root. The children of a directory stand together, ascending by name; every
 *          node stands behind its parent.
 */
#pragma once

#include "builder/reader/image_file.h"

enum { IMAGE_NO_FRAGMENT = -1, IMAGE_NO_ATTRIBUTES = -1 };

#define IMAGE_SPARSE_UNSAID UINT64_MAX

enum image_kind { IMAGE_DIRECTORY = 1, IMAGE_REGULAR, IMAGE_LINK };

/* What the image says of a file, directory or link, as it says it. */
struct image_inode {
    size_t position; /* in the unpacked table */
    enum image_kind kind;
    uint16_t mode; /* without the kind */
    uint32_t owner, group, modified_seconds, number;
    uint32_t link_count; /* of a plain file that has none: 1 */
    uint32_t attributes; /* extended ones: an index, or -1 */

    uint64_t size_bytes; /* of a file's contents, or of a directory's listing */

    /* Of a file: */
    uint64_t first_block;       /* where its blocks start */
    uint64_t sparse_bytes;      /* what it says that holes have */
    uint64_t hole_bytes;        /* what they have */
    const unsigned char *words; /* 32 bits for each block */
    uint32_t block_count;       /* whole blocks, and a part that is in no fragment */
    uint32_t fragment, fragment_offset;

    /* Of a directory: */
    size_t listing; /* position in the unpacked table of directories */
    uint32_t parent_number;
    struct str index; /* for searching long listings */
    uint32_t index_count;

    struct str target; /* of a link */

    uint32_t node;       /* its first one */
    uint32_t name_count; /* nodes that it has */
};

struct image_node {
    struct str name; /* not terminated; empty for the root */
    uint32_t parent;
    uint32_t top;                      /* the root's child that it is in */
    uint32_t first_child, child_count; /* of a directory */
    uint32_t inode;                    /* index */
};

struct image_tree {
    struct image_table inode_table, directory_table;
    struct image_inode *inodes; /* ascending by position */
    size_t inode_count;
    size_t stored_block_count; /* of all files: their blocks without the holes */
    struct image_node *nodes;
    size_t node_count;
};

/* Reads the tree from the two tables, which are in place. `ids` are the image's owners.
 *
 * Refuses   devices, pipes and sockets; numbers that lead outside of what they count; names that no
 *           directory can hold, or out of order; what is in no directory, or a directory that is in
 *           two; a listing or an index that does not fit. */
must_check bool image_tree_read(const struct image_file *file, const struct image_table *ids,
                                struct arena *arena, struct image_tree *tree, struct error *error);

/* Block number `index` of a file; packed_bytes is 0 for a hole. `start` is where it starts. */
struct image_block image_tree_block(const struct image_inode *inode, uint32_t index,
                                    uint64_t start);

/* What a file has in its fragment. */
uint32_t image_tree_tail_bytes(const struct image_file *file, const struct image_inode *inode);

/* Is the node the last of its directory's children? */
bool image_tree_is_last(const struct image_tree *tree, uint32_t node);

/* The node's path below the root, terminated. */
struct str image_tree_path(const struct image_tree *tree, uint32_t node, struct arena *arena);
