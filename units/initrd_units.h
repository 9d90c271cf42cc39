/* initrd_units.h — formats the units that mount the Nix store, for an initial ramdisk with systemd.
 *
 * Shape    /sysroot/nix/.ro-store, .ro-store.1 ...    one for each layer; regd(8) looks there for
 *                                                     manifests
 *          /sysroot/nix/.rw-store                     tmpfs; or with regd.overlay=DEVICE no unit:
 *                                                     regd-overlay-directories.service mounts it, so
 *                                                     that each failure is a sentence
 *          /sysroot/nix/store                         overlayfs of all these, required by
 *                                                     initrd-fs.target
 *          /sysroot                                   tmpfs, if the command line has no root=
 *          What is below /run/regd moves to the booted system with /run: see initrd_layer_units.h and
 *          initrd_fetch_units.h.
 * Limit    The kernel accepts one page of mount options; a layer takes about 27 bytes of it.
 * Source   systemd.mount(5), bootup(7).
 */
#pragma once

#include "units/initrd_request.h"
#include "units/initrd_unit.h"

enum { INITRD_OPTIONS_MAX = 4095 };

/* Properties of the machine. */
struct initrd_facts {
    const char *program;   /* the generator, which the units run, too */
    bool threads_by_mount; /* squashfs supports the mount option threads=multi */
};

/* Formats all units. Refuses more layers than fit the mount options. */
must_check bool initrd_units_format(const struct initrd_request *request,
                                    const struct initrd_facts *facts, struct arena *arena,
                                    struct initrd_unit_list *ret_units, struct error *error);
