/* verity_device.h — makes a block device of an image, which dm-verity checks at each read.
 *
 * A read that does not match the root hash is an I/O error; the kernel's log has the block. All that
 * dm-verity is told follows from the root hash and the size (see schema/boot/verity.h): the
 * superblock is never read.
 *
 * Why      systemd-veritysetup accepts verity data without trusting a superblock, and behind an image,
 *          only from systemd 254 on, and brings libcryptsetup and libdevmapper. The kernel's interface
 *          is three calls.
 * Name     The device is "regd-store-N", and /run/regd/verity.N is a link to it. udev needs no rules
 *          for device-mapper.
 * Loop     An image that is a file, or starts at an offset, gets a loop device, which the kernel frees
 *          with the last user.
 * Source   Linux, Documentation/admin-guide/device-mapper/verity.rst, include/uapi/linux/dm-ioctl.h.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/hash.h"

#define VERITY_DEVICE_LINK "/run/regd/verity.%zu"

struct verity_device {
    size_t number; /* N */
    struct hash root;
    uint64_t size_bytes; /* of the image */
    uint64_t offset;     /* where the image starts in its file or device */
    const char *image;   /* a block device or a file */
    const char *verity;  /* a file with the verity data; null: it follows the image */
};

/* Parses the arguments N ROOT SIZE OFFSET IMAGE [VERITY]. */
must_check bool verity_device_interpret(int argc, const char *const *argv,
                                        struct verity_device *ret_device, struct error *error);

/* Formats what dm-verity is told. Devices are MAJOR:MINOR; `hash_start` is the block of `hash` where
 * the tree starts. */
struct str verity_device_table(const struct verity_device *device, const char *data,
                               const char *hash, uint64_t hash_start, struct arena *arena);

/* Makes device and link, and reads the first block: a wrong root hash or a wrong size is found here,
 * and neither is left. */
must_check bool verity_device_make(const struct verity_device *device, struct arena *arena,
                                   struct error *error);
