#include "builder/sqfs_parts.h"

#include <sqfs/error.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void sqfs_part_destroy(void *object)
{
    if (object)
        sqfs_destroy(object);
}

static void range_destroy(sqfs_object_t *object)
{
    (void)object; /* lives in its owner */
}

static int range_read_at(sqfs_file_t *file, sqfs_u64 offset, void *buffer, size_t size)
{
    struct sqfs_range *range = (struct sqfs_range *)file;
    char *at = buffer;
    while (size > 0) {
        ssize_t got = pread(range->fd, at, size, (off_t)(range->offset + offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            range->doing = "read back";
            range->code = got < 0 ? errno : EIO;
            return SQFS_ERROR_IO;
        }
        at += got;
        offset += (sqfs_u64)got;
        size -= (size_t)got;
    }
    return 0;
}

static int range_write_at(sqfs_file_t *file, sqfs_u64 offset, const void *buffer, size_t size)
{
    struct sqfs_range *range = (struct sqfs_range *)file;
    const char *at = buffer;
    if (range->limit_bytes && offset + size > range->limit_bytes) {
        range->code = EFBIG;
        return SQFS_ERROR_IO;
    }
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
    return 0;
}

static sqfs_u64 range_get_size(const sqfs_file_t *file)
{
    return ((const struct sqfs_range *)file)->size_bytes;
}

/* The library cuts the file back when it drops data that is there already. */
static int range_truncate(sqfs_file_t *file, sqfs_u64 size)
{
    struct sqfs_range *range = (struct sqfs_range *)file;
    if (ftruncate(range->fd, (off_t)(range->offset + size)) < 0) {
        range->doing = "cut";
        range->code = errno;
        return SQFS_ERROR_IO;
    }
    range->size_bytes = size;
    return 0;
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

/* A compressor of the library, corrected: its lz4 gives a result that is longer than the input, which
 * readers other than the kernel take for damage. Nothing gained means: store it as it is. */
struct compressor {
    sqfs_compressor_t base;
    sqfs_compressor_t *inner; /* owned */
};

static sqfs_compressor_t *inner_of(const void *object)
{
    return ((const struct compressor *)object)->inner;
}

static void compressor_destroy(sqfs_object_t *object)
{
    sqfs_destroy(inner_of(object));
    free(object);
}

static sqfs_object_t *compressor_copy(const sqfs_object_t *object)
{
    struct compressor *copy = malloc(sizeof *copy);
    sqfs_compressor_t *inner = sqfs_copy(inner_of(object));
    if (!copy || !inner) {
        sqfs_part_destroy(inner);
        free(copy);
        return NULL;
    }
    *copy = *(const struct compressor *)object;
    copy->inner = inner;
    // cppcheck-suppress memleak ; it is the first member of what is returned
    return &copy->base.base;
}

static void compressor_get(const sqfs_compressor_t *compressor, sqfs_compressor_config_t *config)
{
    inner_of(compressor)->get_configuration(inner_of(compressor), config);
}

static int compressor_write_options(sqfs_compressor_t *compressor, sqfs_file_t *file)
{
    return inner_of(compressor)->write_options(inner_of(compressor), file);
}

static int compressor_read_options(sqfs_compressor_t *compressor, sqfs_file_t *file)
{
    return inner_of(compressor)->read_options(inner_of(compressor), file);
}

static sqfs_s32 compressor_do_block(sqfs_compressor_t *compressor, const sqfs_u8 *in, sqfs_u32 size,
                                    sqfs_u8 *out, sqfs_u32 out_size)
{
    sqfs_s32 length = inner_of(compressor)->do_block(inner_of(compressor), in, size, out, out_size);
    return length > 0 && (sqfs_u32)length >= size ? 0 : length;
}

/* Takes `inner` over; null if there is no memory. */
static sqfs_compressor_t *compressor_wrap(sqfs_compressor_t *inner)
{
    struct compressor *compressor = malloc(sizeof *compressor);
    if (!compressor) {
        sqfs_destroy(inner);
        return NULL;
    }
    *compressor = (struct compressor){
        .base = {
            .base = { .destroy = compressor_destroy, .copy = compressor_copy },
            .get_configuration = compressor_get,
            .write_options = compressor_write_options,
            .read_options = compressor_read_options,
            .do_block = compressor_do_block,
        },
        .inner = inner,
    };
    return &compressor->base;
}

SQFS_COMPRESSOR sqfs_compression_id(const struct compression *compression)
{
    static const SQFS_COMPRESSOR ids[] = {
        [COMPRESSION_GZIP] = SQFS_COMP_GZIP,
        [COMPRESSION_LZ4] = SQFS_COMP_LZ4,
        [COMPRESSION_XZ] = SQFS_COMP_XZ,
        [COMPRESSION_ZSTD] = SQFS_COMP_ZSTD,
    };
    return ids[compression->kind];
}

int sqfs_compression_make(const struct compression *compression, size_t block_bytes,
                          sqfs_compressor_t **ret_compressor)
{
    sqfs_compressor_config_t config;
    sqfs_compressor_t *inner = NULL;
    int code =
        sqfs_compressor_config_init(&config, sqfs_compression_id(compression), block_bytes, 0);
    if (code < 0)
        return code;
    if (compression->kind == COMPRESSION_LZ4)
        config.flags |= SQFS_COMP_FLAG_LZ4_HC;
    else
        config.level = (sqfs_u32)compression->level;
    code = sqfs_compressor_create(&config, &inner);
    if (code < 0)
        return code;
    *ret_compressor = compressor_wrap(inner);
    return *ret_compressor ? 0 : SQFS_ERROR_ALLOC;
}
