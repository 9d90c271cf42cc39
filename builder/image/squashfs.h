/* squashfs.h — writing the store image.
 *
 * Shape    squashfs 4.0. Owner 0:0, times 1, modes as Nix canonicalises them: 0444, 0555 for what
 *          is executable, 0555 for directories (0755 for the root), 0777 for links. No extended
 *          attributes; inodes are exportable. Files of equal content are stored once. At the
 *          end a record of how its blocks were made, and a checksum: see image_trailer.h.
 * Bytes    The same inventory and options give the same bytes, whatever the number of threads and
 *          the place in the file.
 * Source   The kernel's Documentation/filesystems/squashfs.rst; libsquashfs of squashfs-tools-ng.
 */
#pragma once

#include "builder/codec/compression.h"
#include "builder/image/inventory.h"
#include "builder/image/reuse.h"
#include "builder/output/progress.h"

enum {
    SQUASHFS_BLOCK_BYTES = 1 << 20,
    SQUASHFS_TIME_SECONDS = 1, /* of everything, as Nix canonicalises it */
};

struct squashfs_options {
    struct compression compression;
    const struct reuse *reuse; /* an older image to take blocks from; or null */
    const struct crew *crew;   /* who compresses */
    struct progress *progress; /* or null */
    uint64_t *path_bytes; /* null, or per child of the root: takes its part of the packed blocks */
    uint64_t limit_bytes; /* an image that grows beyond is given up; 0: none */
};

struct squashfs_result {
    uint64_t size_bytes;   /* of the image, with the padding */
    uint64_t data_bytes;   /* that its blocks hold, unpacked; without blocks of zeros */
    uint64_t reused_bytes; /* of these, taken over compressed */
};

/* Writes the image to fd, which is open for reading and writing, from `offset` on.
 * Nothing but the given range is touched, and the file's
 * position is not used.
 * Refuses files that change while they are read, and an image beyond the limit. */
must_check bool squashfs_write(const struct inventory *inventory,
                               const struct squashfs_options *options, int fd, uint64_t offset,
                               struct arena scratch, struct squashfs_result *ret_result,
                               struct error *error);
