/* ramdisk_archive.h — a ramdisk's archive, written as it is or compressed, and read back.
 */
#pragma once

#include "builder/ramdisk/ramdisk_compressor.h"
#include "schema/base/budget.h"

struct ramdisk_archive {
    const struct ramdisk_compression *compression;
    const struct crew *crew;
    int directory; /* for a file without a name, which a compressed one is made from */
    bool (*fill)(void *context, struct ramdisk *ramdisk, struct error *error);
    void *context;
    struct arena *arena; /* where `fill` may keep things */
};

/* Adds to the ramdisk what `fill` writes; *ret_offset is where a compressed archive starts. */
must_check bool ramdisk_archive_write(const struct ramdisk_archive *archive,
                                      struct ramdisk *ramdisk, uint64_t *ret_offset,
                                      struct error *error);

/* An image in a ramdisk's compressed archive. */
struct packed_image {
    const char *name;
    uint64_t archive_offset; /* where the archive starts in the ramdisk */
    uint64_t size_bytes;     /* as the tree says */
    struct budget *space;    /* pays for the file it becomes */
    struct budget *contents; /* pays for all that is unpacked on the way to it */
};

/* Unpacks a member of the ramdisk `fd` into a file without a name in the directory of temporary files
 * (TMPDIR, /tmp). `fd` is left open.
 * Refuses, before it is written, a member of another size, and what the budgets do not pay for. */
must_check bool ramdisk_archive_unpack(int fd, const struct packed_image *image, int *ret_fd,
                                       struct error *error);
