/* initrd_request.h — what an initial ramdisk is asked to mount as the Nix store.
 *
 * Layers   The images in the root of the ramdisk, as regd-build puts them there: nix-store.squashfs on
 *          top, below it nix-store.1.squashfs and so on. Or, instead, those that the kernel's command
 *          line names:
 *            regd.store=SOURCE[,file=PATH][,offset=BYTES]    the upper one first
 *          SOURCE is a file of the ramdisk, a block device (/dev/...), or one by its LABEL=, UUID=,
 *          PARTLABEL= or PARTUUID=. With file= the device has a file system, and the image is a file
 *          in it. The image starts at the offset.
 * Memory   regd.overlay-size=, regd.overlay-inodes=: limits of the writable layer, as tmpfs(5) takes
 *          them: a number with k, m, g or t behind it, the size also with %.
 * Root     root= with a value says that somebody else mounts it; without one, systemd mounts nothing.
 * Words    See schema/boot/kernel_command_line.h.
 */
#pragma once

#include "schema/base/options.h"

struct initrd_source {
    const char *what; /* an absolute path: of a file, or of a device's node */
    const char *file; /* an absolute path in the file system on the device, or null */
    uint64_t offset;  /* of the image in the device or file, bytes */
    bool is_device;
};

struct initrd_request {
    struct initrd_source *sources; /* the upper one first; none: there is nothing to mount */
    size_t count;
    const char *overlay_size;   /* or null: the kernel's default, half of the memory */
    const char *overlay_inodes; /* or null: the kernel's default, one for two pages of memory */
    bool has_root;              /* root= has a value */
};

/* Reads the command line, and `names`, which are file names in the root of the ramdisk.
 * Refuses an unknown parameter that starts with `regd.`, a malformed value, and a gap in the layers
 * of the ramdisk. The texts of the request are copies in the arena. */
must_check bool initrd_request_parse(struct str command_line, const struct option_list *names,
                                     struct arena *arena, struct initrd_request *ret_request,
                                     struct error *error);
