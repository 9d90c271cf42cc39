/* overlay_device.h — the writable layer of the Nix store on a disk.
 *
 * Mounts the file system of a block device, and prepares it for overlayfs: see overlay_record.h. It
 * needs no mount(8), which a ramdisk may lack.
 *
 * Never    is a file system made here. What has none of the kinds below is refused: overlayfs cannot
 *          keep its upper layer on others.
 * Source   the superblocks' magic numbers: Linux, fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h,
 *          include/uapi/linux/btrfs_tree.h (and BTRFS_MAGIC in magic.h), include/linux/f2fs_fs.h.
 */
#pragma once

#include "units/failure.h"
#include "units/overlay_record.h"

struct overlay_device {
    const char *directory; /* where its file system is mounted */
    const char *device;
    struct failure failure; /* what the frame announces */
    struct overlay_lower lower;
};

/* Parses the arguments DIRECTORY DEVICE FAILURE keep|reset LAYER..., of which FAILURE is the value of
 * regd.on-failure=. Pointers are those of argv. */
must_check bool overlay_device_interpret(int argc, const char *const *argv,
                                         struct overlay_device *ret_device, struct error *error);

/* Returns the type that mount(2) is told for the device's first bytes, or null. */
const char *overlay_device_type(struct str start);

/* Mounts and prepares. *ret_moved is as in overlay_record.h. What was mounted is unmounted on
 * failure. */
must_check bool overlay_device_mount(const struct overlay_device *device, struct arena *arena,
                                     const char **ret_moved, struct error *error);

/* Returns what the console gets on failure. */
struct str overlay_device_frame(const struct overlay_device *device, const struct error *error,
                                struct arena *arena);
