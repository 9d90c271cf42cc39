/* initrd_units.h — formats the units that mount the Nix store, for an initial ramdisk with systemd.
 *
 * Shape    /sysroot/nix/.ro-store, .ro-store.1 ...    one for each layer; regd(8) looks there for
 *                                                     manifests
 *          /sysroot/nix/.rw-store                     tmpfs
 *          /sysroot/nix/store                         overlayfs of all these, required by
 *                                                     initrd-fs.target
 *          /sysroot                                   tmpfs, if the command line has no root=
 *          /run/regd/store.N                          the file system that has layer N as a file;
 *                                                     it moves to the booted system with /run
 * Limit    The kernel accepts one page of mount options; a layer takes about 27 bytes of it.
 * Source   systemd.mount(5), bootup(7), and unit_name_path_escape() in systemd's
 *          src/basic/unit-name.c for the names.
 */
#pragma once

#include "units/initrd_request.h"

enum { INITRD_OPTIONS_MAX = 4095 };

/* Properties of the machine. */
struct initrd_facts {
    const char *program;   /* the generator, which the units run with --overlay DIR */
    bool threads_by_mount; /* squashfs supports the mount option threads=multi */
};

/* A file, or, if it has a target, a link. Names are relative to the directory of units. */
struct initrd_unit {
    const char *name;
    const char *text;
    const char *target;
};

struct initrd_unit_list {
    struct initrd_unit *items;
    size_t count;
    size_t capacity;
};

/* Returns the name of the mount unit of an absolute path other than '/'. The path must have no
 * empty, "." or ".." component and no '/' at its end. */
const char *initrd_mount_name(struct arena *arena, const char *path);

/* Formats all units. Refuses more layers than fit the mount options. */
must_check bool initrd_units_format(const struct initrd_request *request,
                                    const struct initrd_facts *facts, struct arena *arena,
                                    struct initrd_unit_list *ret_units, struct error *error);
