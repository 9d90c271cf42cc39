/* tree_uki.h — writes the UKI of a tree, boot.efi; private to tree.c and tree_uki.c. If the tree has
 * none, these functions do nothing.
 */
#pragma once

#include "builder/tree/tree_building.h"

/* Refuses a UKI that is too large, or for which the machine has too little memory, with the files that
 * exist already, because the new image takes long to make. */
must_check bool tree_uki_check(struct tree_building *building, struct error *error);

/* Writes boot.efi, when the ramdisk is complete. Warns if firmware may not load it. */
must_check bool tree_uki_write(struct tree_building *building, struct error *error);
