#include "builder/codec/sqfs_parts.h"

#include "schema/base/file.h"

#include <libdeflate.h>
#include <sqfs/error.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { WRITEBACK_BYTES = 4 << 20 };

void sqfs_part_destroy(void *object)
{
    if (object)
        sqfs_destroy(object);
}

static void range_destroy(sqfs_object_t *object)
{
    (void)object; /* a part of its owner */
}

static int range_read_at(sqfs_file_t *file, sqfs_u64 offset, void *buffer, size_t size)
{
    struct sqfs_range *range = (struct sqfs_range *)file;
    ssize_t got = file_pread(range->fd, buffer, size, range->offset + offset);
    if (got == (ssize_t)size)
        return 0;
    range->doing = "read back";
    range->code = got < 0 ? errno : EIO;
    return SQFS_ERROR_IO;
}

/* Starts to write to disk early, so that publishing the file has less to wait for. This only saves
 * time, so errors are ignored. */
static void start_writeback(struct sqfs_range *range)
{
    assert(range->on_the_way <= range->size_bytes);
    uint64_t size = range->size_bytes - range->on_the_way;
    if (size < WRITEBACK_BYTES)
        return;
    sync_file_range(range->fd, (off_t)(range->offset + range->on_the_way), (off_t)size,
                    SYNC_FILE_RANGE_WRITE);
    range->on_the_way = range->size_bytes;
}

static int range_write_at(sqfs_file_t *file, sqfs_u64 offset, const void *buffer, size_t size)
{
    struct sqfs_range *range = (struct sqfs_range *)file;
    const char *at = buffer;
    if (range->limit_bytes && offset + size > range->limit_bytes) {
        range->code = EFBIG;
        return SQFS_ERROR_IO;
    }
    if (offset == 0 && size == sizeof range->super)
        memcpy(range->super, buffer, size);
    else if (offset != range->size_bytes || offset < sizeof range->super)
        return SQFS_ERROR_SEQUENCE;
    else
        range->checksum = libdeflate_crc32(range->checksum, buffer, size);
    while (size > 0) {
        ssize_t put = pwrite(range->fd, at, size, (off_t)(range->offset + offset));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            range->doing = "write";
            range->code = errno;
            return SQFS_ERROR_IO;
        }
        at += put;
        offset += (sqfs_u64)put;
        size -= (size_t)put;
    }
    if (offset > range->size_bytes)
        range->size_bytes = offset;
    start_writeback(range);
    return 0;
}

static sqfs_u64 range_get_size(const sqfs_file_t *file)
{
    return ((const struct sqfs_range *)file)->size_bytes;
}

/* Not supported: data that is written stays. */
static int range_truncate(sqfs_file_t *file, sqfs_u64 size)
{
    (void)file;
    (void)size;
    return SQFS_ERROR_UNSUPPORTED;
}

void sqfs_range_start(struct sqfs_range *range, int fd, uint64_t offset, uint64_t limit_bytes)
{
    *range = (struct sqfs_range){
        .base = {
            .base = { .destroy = range_destroy },
            .read_at = range_read_at,
            .write_at = range_write_at,
            .get_size = range_get_size,
            .truncate = range_truncate,
        },
        .fd = fd,
        .offset = offset,
        .limit_bytes = limit_bytes,
    };
}

uint32_t sqfs_range_checksum(const struct sqfs_range *range)
{
    return libdeflate_crc32(range->checksum, range->super, sizeof range->super);
}

/* --- Codes --------------------------------------------------------------------------------------- */

static const char *reason(int code)
{
    switch (code) {
    case SQFS_ERROR_ALLOC:
        return "out of memory";
    case SQFS_ERROR_IO:
        return "read or write error";
    case SQFS_ERROR_COMPRESSOR:
        return "the compressor failed";
    case SQFS_ERROR_UNSUPPORTED:
        return "not supported by this libsquashfs";
    case SQFS_ERROR_OVERFLOW:
        return "too large for the format";
    case SQFS_ERROR_ARG_INVALID:
        return "a value is out of range";
    default:
        return "internal error of libsquashfs";
    }
}

bool sqfs_range_check(const struct sqfs_range *range, int code, const char *what,
                      struct error *error)
{
    if (code >= 0)
        return true;
    if (range->code == EFBIG && range->limit_bytes)
        return error_set(
            error,
            "the image is larger than %llu bytes, the most that a ramdisk can hold; split it with "
            "--max-size",
            (unsigned long long)range->limit_bytes);
    if (range->code)
        return error_errno(error, range->code, "%s the image", range->doing);
    return error_set(error, "%s: %s", what, reason(code));
}

bool sqfs_part_check(const void *object, const char *what, struct error *error)
{
    return object || error_set(error, "%s: out of memory", what);
}
