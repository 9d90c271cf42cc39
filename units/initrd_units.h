/* initrd_units.h — the units that mount a Nix store in an initial ramdisk that runs systemd.
 *
 * Shape    /sysroot/nix/.ro-store, .ro-store.1 ...    one a layer, where regd(8) looks for manifests
 *          /sysroot/nix/.rw-store                     memory
 *          /sysroot/nix/store                         overlayfs of them, required by initrd-fs.target
 *          /sysroot                                   memory, where the command line has no root=
 *          /run/regd/store.N                          the file system that layer N is a file of; it
 *                                                     moves to the booted system with /run
 * Limit    The kernel takes one page of mount options; a layer needs about 27 bytes of it.
 * Source   systemd.mount(5), bootup(7), and unit_name_path_escape() in systemd's
 *          src/basic/unit-name.c for the names.
 */
#pragma once

#include "units/initrd_request.h"

enum { INITRD_OPTIONS_MAX = 4095 };

/* What is known of the machine. */
struct initrd_facts {
    const char *program;   /* makes the directories for overlayfs when called with --overlay DIR */
    bool threads_by_mount; /* squashfs takes threads=multi */
};

/* A file, or a link if it has a target; names are relative to the directory of units. */
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

/* The name of the mount unit of an absolute path other than '/', which has to be plain: no empty,
 * "." and ".." components, no '/' at the end. */
const char *initrd_mount_name(struct arena *arena, const char *path);

/* Refuses more layers than mount options can name. */
must_check bool initrd_units_format(const struct initrd_request *request,
                                    const struct initrd_facts *facts, struct arena *arena,
                                    struct initrd_unit_list *ret_units, struct error *error);
