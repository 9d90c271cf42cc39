/* sqfs_parts.h — the file to which libsquashfs writes, and sentences for its error codes.
 */
#pragma once

#include "schema/base/error.h"

#include <sqfs/io.h>
#include <sqfs/super.h>

#include <stdint.h>

/* An image in an output file, from `offset` on, as a file object of libsquashfs. It is written from
 * start to end, except for the super block, which may be written again, and a checksum is computed
 * meanwhile. The file's position is not used. The struct is a part of its owner's, not
 * allocated. */
struct sqfs_range {
    sqfs_file_t base;
    int fd;
    uint64_t offset;
    uint64_t size_bytes;
    uint64_t on_the_way; /* how many bytes the kernel was told to write to disk */
    uint64_t limit_bytes;
    const char *doing;                         /* the first failure: "read back" or "write" */
    int code;                                  /* its errno value; EFBIG: the limit was exceeded */
    uint32_t checksum;                         /* of all bytes after the super block */
    unsigned char super[sizeof(sqfs_super_t)]; /* as last written */
};

void sqfs_range_start(struct sqfs_range *range, int fd, uint64_t offset, uint64_t limit_bytes);

/* Returns the CRC-32 of all bytes after the super block, followed by the super block. */
uint32_t sqfs_range_checksum(const struct sqfs_range *range);

/* Fails if `code` is an error code of libsquashfs. The sentence has the range's own failure, if
 * there was one, or the meaning of the code. */
must_check bool sqfs_range_check(const struct sqfs_range *range, int code, const char *what,
                                 struct error *error);

/* Fails if `object` is null, that is, if libsquashfs could not create it. It gives no reason. */
must_check bool sqfs_part_check(const void *object, const char *what, struct error *error);

/* sqfs_destroy, for an object that may be null. */
void sqfs_part_destroy(void *object);
