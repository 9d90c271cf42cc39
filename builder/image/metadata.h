/* metadata.h — writes the inodes and directories of the image, with libsquashfs.
 */
#pragma once

#include "builder/image/pack.h"

struct metadata {
    const struct inventory *inventory;
    const struct plan *plan;
    const struct packed *packed; /* for each block of the plan */
    struct sqfs_range *image;
    sqfs_compressor_t *compressor;
    struct arena scratch;
    uint16_t owner; /* index in the id table */

    /* Set while writing: */
    struct sqfs_meta_writer_t *inode_table, *directory_table; /* owned */
    struct sqfs_dir_writer_t *directories;                    /* owned */
    uint64_t *references; /* for each node: where its inode is; the root's is in the super block */
};

/* Appends the inodes and then the directories, and sets their positions in the super block. */
must_check bool metadata_write(struct metadata *metadata, sqfs_super_t *super, struct error *error);

/* Appends the export table, from inode numbers to inodes, which NFS requires. */
must_check bool metadata_write_exports(struct metadata *metadata, sqfs_super_t *super,
                                       struct error *error);

/* For `cleanup`. */
void metadata_release(struct metadata *metadata);
