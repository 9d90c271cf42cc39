/* tree_texts.h — the files of a tree that are texts: scripts, menus of boot loaders, boot.json and SHA256SUMS.
 */
#pragma once

#include "builder/tree/tree_building.h"

/* Writes netboot.ipxe, kexec-boot and kexec/run. */
must_check bool tree_write_scripts(struct tree_building *building, struct error *error);

/* Writes the menu of each boot loader, or warns that it cannot boot the tree. */
must_check bool tree_write_menus(struct tree_building *building, struct error *error);

/* Writes boot.json. */
must_check bool tree_write_description(struct tree_building *building, struct error *error);

/* Writes SHA256SUMS of all files that are listed, and lists their names in the result. It is the last. */
must_check bool tree_write_sums(struct tree_building *building, struct error *error);
