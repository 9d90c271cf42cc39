/* tree_dtbs.h — copies device trees of the system into a tree (--dtb).
 *
 * Shape    TOPLEVEL/dtbs is a directory, mostly behind a link. Its files have names like
 *          rockchip/rk3399-rock-pi-4.dtb; in the tree they are below dtbs.
 * Links    lead to files anywhere in the store's root. A link to a directory is refused.
 * Source   NixOS, nixos/modules/hardware/device-tree.nix, and the generic-extlinux-compatible loader
 *          next to it, which writes the same lines: FDT for one device tree, FDTDIR for all.
 */
#pragma once

#include "builder/tree/tree_building.h"
#include "schema/nix/store.h"

/* Finds the device trees to copy: the one of that name or, for "all", all of them, sorted by their
 * names' bytes. Refuses a name that a boot loader's file cannot have (tree_description.h), and a
 * system without it. */
must_check bool tree_dtbs_find(const struct store *store, struct str toplevel, const char *name,
                               struct arena *arena, struct tree_dtbs *ret_dtbs,
                               struct error *error);

/* Copies them, and names the one, or their directory, in the description. Without any, does
 * nothing. */
must_check bool tree_dtbs_write(struct tree_building *building, struct error *error);
