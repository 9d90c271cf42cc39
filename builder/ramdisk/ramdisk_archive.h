/* ramdisk_archive.h — writes a ramdisk's archive, compressed or not, and unpacks images from it.
 */
#pragma once

#include "builder/ramdisk/ramdisk_compressor.h"
#include "schema/base/budget.h"

struct ramdisk_archive {
    const struct ramdisk_compression *compression;
    const struct crew *crew;
    int directory; /* for an unnamed temporary file, if the archive is compressed */
    bool (*fill)(void *context, struct ramdisk *ramdisk, struct error *error);
    void *context;
    struct arena *arena; /* for the results of `fill` */
};

/* Appends the archive that `fill` writes. *ret_offset is where a compressed archive starts. */
must_check bool ramdisk_archive_write(const struct ramdisk_archive *archive,
                                      struct ramdisk *ramdisk, uint64_t *ret_offset,
                                      struct error *error);

/* An image in a ramdisk's compressed archive. */
struct packed_image {
    const char *name;
    uint64_t archive_offset; /* where the archive starts in the ramdisk */
    uint64_t size_bytes;     /* according to boot.json */
    struct budget *space;    /* limits the unpacked file */
    struct budget *contents; /* limits all data that is unpacked before it */
};

/* Unpacks a member of the ramdisk `fd` into an unnamed file in the directory for temporary files
 * (TMPDIR, or /tmp). `fd` stays open. Refuses a member of another size, and one that exceeds a
 * budget, before it is written. */
must_check bool ramdisk_archive_unpack(int fd, const struct packed_image *image, int *ret_fd,
                                       struct error *error);
