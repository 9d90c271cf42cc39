/* sqfs_parts.h — where libsquashfs writes.
 */
#pragma once

#include <sqfs/io.h>

#include <stdint.h>

/* A range of an output file that is an image, as libsquashfs wants a file. It starts at `offset` and
 * grows; the file's position is not used. Lives in its owner's struct. */
struct sqfs_range {
    sqfs_file_t base;
    int fd;
    uint64_t offset;
    uint64_t size_bytes;
    uint64_t limit_bytes;
    const char *doing; /* of the first failure: "read back" or "write" */
    int code;          /* its errno; EFBIG: the limit was reached */
};

void sqfs_range_start(struct sqfs_range *range, int fd, uint64_t offset, uint64_t limit_bytes);

/* sqfs_destroy for what may be null. */
void sqfs_part_destroy(void *object);
