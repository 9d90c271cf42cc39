/* sqfs_parts.h — where libsquashfs writes, and what its codes mean.
 */
#pragma once

#include "schema/base/error.h"

#include <sqfs/io.h>
#include <sqfs/super.h>

#include <stdint.h>

/* A range of an output file that is an image, as libsquashfs wants a file. It starts at `offset` and
 * grows; the file's position is not used. But for the super block, which may be written again, it is
 * written from front to end, and summed up meanwhile. Lives in its owner's struct. */
struct sqfs_range {
    sqfs_file_t base;
    int fd;
    uint64_t offset;
    uint64_t size_bytes;
    uint64_t on_the_way; /* so many bytes the disk was told to take */
    uint64_t limit_bytes;
    const char *doing;                         /* of the first failure: "read back" or "write" */
    int code;                                  /* its errno; EFBIG: the limit was reached */
    uint32_t checksum;                         /* of what follows the super block */
    unsigned char super[sizeof(sqfs_super_t)]; /* as it was written last */
};

void sqfs_range_start(struct sqfs_range *range, int fd, uint64_t offset, uint64_t limit_bytes);

/* The CRC-32 of all that follows the super block, and then the super block. */
uint32_t sqfs_range_checksum(const struct sqfs_range *range);

/* Is the library's code none of failure? Else the sentence for it, or for what the disk said. */
must_check bool sqfs_range_check(const struct sqfs_range *range, int code, const char *what,
                                 struct error *error);

/* Has the library made it? It says no more than that. */
must_check bool sqfs_part_check(const void *object, const char *what, struct error *error);

/* sqfs_destroy for what may be null. */
void sqfs_part_destroy(void *object);
