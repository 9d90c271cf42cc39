/* initrd_layer_units.h — the units that mount the layers of the Nix store.
 *
 * Shape    /sysroot/nix/.ro-store, .ro-store.1 ...    one for each layer
 *          /run/regd/store.N                          the file system that has layer N as a file
 *          regd-verity-N.service                      makes /run/regd/verity.N of a pinned image on a
 *                                                     disk; see verity_device.h
 *          A layer that is fetched requires regd-fetch.service; see initrd_fetch_units.h.
 */
#pragma once

#include "units/initrd_units.h"

/* Where a layer is mounted. */
const char *initrd_layer_place(struct arena *arena, size_t index);

/* Adds the units of all layers. */
void initrd_layer_units_add(struct initrd_unit_list *units, const struct initrd_request *request,
                            const struct initrd_facts *facts, struct arena *arena);
