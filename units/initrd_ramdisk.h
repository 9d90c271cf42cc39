/* initrd_ramdisk.h — reads from a ramdisk what must be mounted.
 *
 * Reads    /proc/cmdline, the names in the root directory, and /nix-store.layers.json, all below one
 *          root. The generator and regd-fetch read the same, so they agree.
 */
#pragma once

#include "units/initrd_request.h"

/* `root` is a descriptor of the ramdisk's root directory. */
must_check bool initrd_ramdisk_read(int root, struct arena *arena,
                                    struct initrd_request *ret_request, struct error *error);
