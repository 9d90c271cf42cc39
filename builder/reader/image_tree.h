/* image_tree.h — reads the files, directories and links of an image.
 *
 * Inodes are read in the order of their table, so that no byte of it is skipped; so are the
 * listings of directories. A file with several names (hard links, which mksquashfs makes) is one
 * inode and several nodes. A directory may have only one name, so there is no cycle.
 *
 * Order    Node 0 is the root. The children of a directory are consecutive, sorted by name; every
 *          node comes after its parent.
 */
#pragma once

#include "builder/reader/image_table.h"

enum { IMAGE_NO_FRAGMENT = -1, IMAGE_NO_ATTRIBUTES = -1 };

#define IMAGE_SPARSE_UNSAID UINT64_MAX

enum image_kind { IMAGE_DIRECTORY = 1, IMAGE_REGULAR, IMAGE_LINK };

/* An inode as it is in the image. */
struct image_inode {
    size_t position; /* in the unpacked table */
    enum image_kind kind;
    uint16_t mode; /* without the file type */
    uint32_t owner, group, modified_seconds, number;
    uint32_t link_count; /* 1 for a file whose inode has no such field */
    uint32_t attributes; /* extended attributes: an index, or -1 */

    uint64_t size_bytes; /* size of a file's contents, or of a directory's listing */

    /* Of a file: */
    uint64_t first_block;       /* position of its first block */
    uint64_t sparse_bytes;      /* stated size of its holes */
    uint64_t hole_bytes;        /* real size of its holes */
    const unsigned char *words; /* the sizes of its blocks, 32 bits each */
    uint32_t block_count;       /* whole blocks, and a last part that is not in a fragment */
    uint32_t fragment, fragment_offset;

    /* Of a directory: */
    size_t listing; /* position in the unpacked table of directories */
    uint32_t parent_number;
    struct str index; /* for searching long listings */
    uint32_t index_count;

    struct str target; /* of a link */

    uint32_t node;       /* its first node */
    uint32_t name_count; /* number of its nodes */
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
    size_t stored_block_count; /* blocks of all files, without holes */
    struct image_node *nodes;
    size_t node_count;
};

/* Reads the tree from its two tables, which have been read. `ids` are the image's owners.
 *
 * Refuses   devices, pipes and sockets; numbers out of range; names that are illegal or not sorted;
 *           an inode that is in no directory, or a directory that is in two; inconsistent listings
 *           and indexes. */
must_check bool image_tree_read(const struct image_file *file, const struct image_table *ids,
                                struct arena *arena, struct image_tree *tree, struct error *error);

/* Returns block number `index` of a file, which starts at `start`. packed_bytes is 0 for a hole. */
struct image_block image_tree_block(const struct image_inode *inode, uint32_t index,
                                    uint64_t start);

/* Returns how many bytes of a file are in its fragment block. */
uint32_t image_tree_tail_bytes(const struct image_file *file, const struct image_inode *inode);

/* Is the node the last of its directory's children? */
bool image_tree_is_last(const struct image_tree *tree, uint32_t node);

/* A step of a walk through a node and all that is below it, in the order of a NAR: each node is begun and
 * ended, and a directory's entries come in between. A walk starts with `{ .node = top }`. */
struct image_step {
    uint32_t node;
    bool is_end;
};

/* Takes the next step. Returns false if the last one ended the top. */
bool image_tree_step(const struct image_tree *tree, uint32_t top, struct image_step *step);

/* Returns the node's path below the root, terminated. */
struct str image_tree_path(const struct image_tree *tree, uint32_t node, struct arena *arena);
