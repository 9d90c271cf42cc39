/* tree_layers.h — the store images of a tree by URL; private to tree.c and tree_layers.c.
 *
 * The ramdisk has no image, but a list that pins the images (schema/boot/layers.h), so that a machine
 * can fetch them from any server. In the tree, images and their verity data are named by their root
 * hash: stores/ROOTHASH.squashfs, stores/ROOTHASH.verity. The headers of the images are there, too
 * (ramdisk.h), because who has the tree beside him loads the images as parts of the ramdisk, without
 * a network; unless an image is too large for that.
 */
#pragma once

#include "builder/tree/tree_building.h"

/* Writes the new images and the bases as files of the tree, and adds the list to the ramdisk. */
must_check bool tree_layers_write(struct tree_building *building, struct ramdisk *ramdisk,
                                  struct error *error);

/* Adds these files and the headers to the lists of the tree; after the ramdisk. */
must_check bool tree_layers_seal(struct tree_building *building, struct error *error);
