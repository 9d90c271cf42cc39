/* ramdisk_survey.h — finds out what the kernel unpacks from a ramdisk.
 *
 * A ramdisk is a sequence of archives: each is a cpio archive, compressed or not, and NULs may stand
 * between them. An archive that is not compressed starts on a multiple of 4.
 *
 * Source   The kernel's init/initramfs.c.
 */
#pragma once

#include "schema/base/file.h"

enum {
    /* What is granted to a ramdisk that is unpacked: initial ramdisks unpack to three or four times
     * their size, archives of NULs to a thousand times. */
    RAMDISK_CONTENTS_FLOOR_BYTES = 256 << 20,
    RAMDISK_CONTENTS_FACTOR = 64,

    /* Each archive takes buffers and time, even one of few bytes. A real ramdisk has about ten. */
    RAMDISK_ARCHIVES_MAX = 4096,

    /* If an archive cannot be unpacked, it is assumed to grow by this factor. */
    RAMDISK_UNPACK_FACTOR = 4,
};

struct ramdisk_survey {
    uint64_t unpacked_bytes; /* of memory */
    size_t archive_count;
    bool names_store_image; /* LAYER_STORE_NAME stands in a member's name or data */
    /* Where the kernel stops to unpack, or where only the kernel goes on; and why. An empty
     * sentence: nowhere. What follows is counted RAMDISK_UNPACK_FACTOR times. */
    uint64_t fault_offset;
    struct error fault;
};

/* Reads a whole ramdisk. Fails if it unpacks to more than it is granted. */
must_check bool ramdisk_survey(struct file file, struct ramdisk_survey *ret_survey,
                               struct error *error);
