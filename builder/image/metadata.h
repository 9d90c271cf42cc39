/* metadata.h — the inodes and directories of the image, through libsquashfs.
 */
#pragma once

#include "builder/image/pack.h"

struct metadata {
    const struct inventory *inventory;
    const struct plan *plan;
    const struct packed *packed; /* per block of the plan */
    struct sqfs_range *image;
    sqfs_compressor_t *compressor;
    struct arena scratch;
    uint16_t owner; /* index in the table of ids */

    /* Set meanwhile: */
    struct sqfs_meta_writer_t *inode_table, *directory_table; /* owned */
    struct sqfs_dir_writer_t *directories;                    /* owned */
    uint64_t *references; /* per node: where its inode is; the root's is the image's */
};

/* Appends the inodes and then the directories, and notes in the super block where they are. */
must_check bool metadata_write(struct metadata *metadata, sqfs_super_t *super, struct error *error);

/* Appends the table that leads from numbers to inodes, which NFS wants. */
must_check bool metadata_write_exports(struct metadata *metadata, sqfs_super_t *super,
                                       struct error *error);

/* For `cleanup`. */
void metadata_release(struct metadata *metadata);
