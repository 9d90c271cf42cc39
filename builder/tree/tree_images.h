/* tree_images.h — writes the store images of a tree; private to tree.c and tree_images.c.
 *
 * Order    Images are written as files (tree_write_images) or into a ramdisk (tree_add_images).
 *          Then their number is known, and `files` is allocated. Images that are files are added to
 *          it (tree_seal_images) after the ramdisk.
 */
#pragma once

#include "builder/tree/tree_building.h"

/* Writes the new images as files of the tree, with the names that they have in a ramdisk. */
must_check bool tree_write_images(struct tree_building *building, struct error *error);

/* Adds the new images and the bases to a ramdisk. */
must_check bool tree_add_images(struct tree_building *building, struct ramdisk *ramdisk,
                                struct error *error);

/* Adds the base images as files, and a header for each image. All are parts of the ramdisk. */
must_check bool tree_seal_images(struct tree_building *building, struct error *error);
