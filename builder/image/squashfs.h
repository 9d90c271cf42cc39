/* squashfs.h — writes a store image.
 *
 * Shape    squashfs 4.0. Owner 0:0, times 1, modes as Nix sets them: files 0444, or 0555 if
 *          executable, directories 0555 (the root 0755), links 0777. No extended attributes; inodes
 *          are exportable. Files of equal content are stored once. At the end are a record of how
 *          the blocks were compressed, and a checksum: see image_trailer.h.
 * Bytes    The same inventory and options give the same bytes, whatever the number of threads and
 *          the place in the file.
 * Source   The kernel's Documentation/filesystems/squashfs.rst; libsquashfs of squashfs-tools-ng.
 */
#pragma once

#include "builder/codec/compression.h"
#include "builder/image/inventory.h"
#include "builder/image/reuse.h"
#include "builder/image/squashfs_values.h"
#include "builder/output/progress.h"

struct squashfs_options {
    struct compression compression;
    const struct reuse *reuse; /* an older image to take blocks from; or null */
    const struct crew *crew;   /* the threads that compress */
    struct progress *progress; /* or null */
    uint64_t *path_bytes;      /* null, or for each child of the root: set to its packed bytes */
    uint64_t limit_bytes;      /* writing stops when the image is larger; 0: no limit */
};

/* Where the image is written. */
struct squashfs_place {
    int fd; /* open for reading and writing; borrowed */
    uint64_t offset;
};

struct squashfs_result {
    uint64_t size_bytes;   /* of the image, with the padding */
    uint64_t data_bytes;   /* unpacked size of its blocks, without blocks of zeros */
    uint64_t reused_bytes; /* of these, copied from the old image */
};

/* Writes the image. Does not touch bytes before the offset, nor use the file's position. Refuses files
 * that change while they are read, and an image beyond the limit. */
must_check bool squashfs_write(const struct inventory *inventory,
                               const struct squashfs_options *options, struct squashfs_place place,
                               struct arena scratch, struct squashfs_result *ret_result,
                               struct error *error);
