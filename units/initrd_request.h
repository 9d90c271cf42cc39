/* initrd_request.h — finds out what an initial ramdisk must mount as the Nix store.
 *
 * Layers   The images in the root of the ramdisk, where regd-build puts them: nix-store.squashfs on
 *          top, below it nix-store.1.squashfs, and so on. Or those of the kernel's command line,
 *          which replace them:
 *            regd.store=SOURCE[,file=PATH][,offset=BYTES]    topmost first
 *          SOURCE is a file of the ramdisk, a block device (/dev/...), or one by its LABEL=, UUID=,
 *          PARTLABEL= or PARTUUID=. With file= the device has a file system, and the image is a file
 *          in it. The image starts at the offset.
 * Memory   regd.overlay-size=, regd.overlay-inodes=: limits of the writable layer, as in tmpfs(5):
 *          a number with suffix k, m, g or t; for the size also %.
 * Root     If root= has a value, the root file system is mounted by somebody else; otherwise by us.
 * Syntax   See schema/boot/kernel_command_line.h.
 */
#pragma once

#include "schema/base/options.h"

struct initrd_source {
    const char *what; /* absolute path of a file or of a device node */
    const char *file; /* absolute path in the device's file system; or null */
    uint64_t offset;  /* where the image starts in the device or file, bytes */
    bool is_device;
};

struct initrd_request {
    struct initrd_source *sources; /* topmost first; none: there is nothing to mount */
    size_t count;
    const char *overlay_size;   /* null: the kernel's default, half of the memory */
    const char *overlay_inodes; /* null: the kernel's default, one for two pages of memory */
    bool has_root;              /* root= has a value */
};

/* Parses the command line. `names` are the file names in the root of the ramdisk. Refuses an
 * unknown parameter that starts with `regd.`, a malformed value, and a gap in the numbers of the
 * ramdisk's layers. The strings of the request are copies in the arena. */
must_check bool initrd_request_parse(struct str command_line, const struct option_list *names,
                                     struct arena *arena, struct initrd_request *ret_request,
                                     struct error *error);
