/* sqfs_parts.h — the two objects that we give to libsquashfs: where it writes, and how it compresses.
 */
#pragma once

#include "builder/compression.h"

#include <sqfs/compressor.h>
#include <sqfs/io.h>

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

/* The library's number for the compression. */
SQFS_COMPRESSOR sqfs_compression_id(const struct compression *compression);

/* Makes a compressor for blocks of that size, which never gives a result as long as the input.
 * Returns one of the library's codes. */
int sqfs_compression_make(const struct compression *compression, size_t block_bytes,
                          sqfs_compressor_t **ret_compressor);

/* sqfs_destroy for what may be null. */
void sqfs_part_destroy(void *object);
