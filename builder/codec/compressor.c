#include "builder/codec/compressor.h"

#include "builder/codec/sqfs_parts.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <sqfs/block.h>
#include <sqfs/error.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <assert.h>
#include <stdlib.h>

struct job {
    const void *in;
    size_t size;
    void *out;
    size_t out_size;
};

/* A library that compresses. `compress` returns the length of the result, 0 if the result does not
 * fit, or a negative code of libsquashfs. */
struct engine {
    void *(*start)(int level, size_t block_bytes);
    void (*end)(void *context);
    sqfs_s32 (*compress)(void *context, int level, const struct job *job);
};

/* --- zstd -------------------------------------------------------------------------------------- */

/* Level 19 is made for inputs that are far larger than a block. These parameters were found by
 * trial: on blocks of 1 MiB they take less time and give nearly the same size. The order of the
 * files (plan.h) saves more than they lose. */
static const struct {
    ZSTD_cParameter parameter;
    int value;
} zstd_19[] = {
    { ZSTD_c_windowLog, 20 },          { ZSTD_c_chainLog, 21 }, { ZSTD_c_hashLog, 17 },
    { ZSTD_c_searchLog, 6 },           { ZSTD_c_minMatch, 3 },  { ZSTD_c_targetLength, 160 },
    { ZSTD_c_strategy, ZSTD_btultra },
};

static void *zstd_start(int level, size_t block_bytes)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)block_bytes;
    if (!context)
        return NULL;
    size_t code = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    for (size_t i = 0; level == 19 && i < sizeof zstd_19 / sizeof *zstd_19; i++)
        if (!ZSTD_isError(code))
            code = ZSTD_CCtx_setParameter(context, zstd_19[i].parameter, zstd_19[i].value);
    if (!ZSTD_isError(code))
        return context;
    ZSTD_freeCCtx(context);
    return NULL;
}

static void zstd_end(void *context)
{
    ZSTD_freeCCtx(context);
}

static sqfs_s32 zstd_result(size_t length)
{
    if (!ZSTD_isError(length))
        return (sqfs_s32)length;
    return ZSTD_getErrorCode(length) == ZSTD_error_dstSize_tooSmall ? 0 : SQFS_ERROR_COMPRESSOR;
}

static sqfs_s32 zstd_compress(void *context, int level, const struct job *job)
{
    (void)level; /* the context has it */
    return zstd_result(ZSTD_compress2(context, job->out, job->out_size, job->in, job->size));
}

/* --- gzip -------------------------------------------------------------------------------------- */

static void *gzip_start(int level, size_t block_bytes)
{
    (void)block_bytes;
    return libdeflate_alloc_compressor(level);
}

static void gzip_end(void *context)
{
    libdeflate_free_compressor(context);
}

static sqfs_s32 gzip_compress(void *context, int level, const struct job *job)
{
    (void)level; /* the context has it */
    return (sqfs_s32)libdeflate_zlib_compress(context, job->in, job->size, job->out, job->out_size);
}

/* --- lz4 --------------------------------------------------------------------------------------- */

static void *lz4_start(int level, size_t block_bytes)
{
    (void)block_bytes;
    return malloc((size_t)(level > 0 ? LZ4_sizeofStateHC() : LZ4_sizeofState()));
}

static sqfs_s32 lz4_compress(void *context, int level, const struct job *job)
{
    int size = (int)job->size, room = (int)(job->out_size < job->size ? job->out_size : job->size);
    return level > 0 ? LZ4_compress_HC_extStateHC(context, job->in, job->out, size, room, level)
                     : LZ4_compress_fast_extState(context, job->in, job->out, size, room, 1);
}

/* --- xz ---------------------------------------------------------------------------------------- */

/* The stream is kept between blocks, so that its memory is not allocated again. It is about twelve
 * times the size of a block. */
struct xz {
    lzma_stream stream;
    size_t block_bytes;
};

static void *xz_start(int level, size_t block_bytes)
{
    (void)level;
    struct xz *xz = malloc(sizeof *xz);
    if (xz)
        *xz = (struct xz){ .stream = LZMA_STREAM_INIT, .block_bytes = block_bytes };
    return xz;
}

static void xz_end(void *context)
{
    struct xz *xz = context;
    lzma_end(&xz->stream);
    free(xz);
}

/* Readers allocate a dictionary of the size of a block. A metadata block is smaller, and so is its
 * dictionary. */
static sqfs_s32 xz_compress(void *context, int level, const struct job *job)
{
    struct xz *xz = context;
    lzma_stream *stream = &xz->stream;
    lzma_options_lzma options;
    const lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
    if (lzma_lzma_preset(&options, (uint32_t)level))
        return SQFS_ERROR_COMPRESSOR;
    options.dict_size =
        job->size > SQFS_META_BLOCK_SIZE ? (uint32_t)xz->block_bytes : SQFS_META_BLOCK_SIZE;
    if (lzma_stream_encoder(stream, filters, LZMA_CHECK_CRC32) != LZMA_OK)
        return SQFS_ERROR_COMPRESSOR;
    stream->next_in = job->in;
    stream->avail_in = job->size;
    stream->next_out = job->out;
    stream->avail_out = job->out_size;
    lzma_ret code = lzma_code(stream, LZMA_FINISH);
    if (code == LZMA_STREAM_END)
        return (sqfs_s32)(job->out_size - stream->avail_out);
    return code == LZMA_OK && stream->avail_out == 0 ? 0 : SQFS_ERROR_COMPRESSOR;
}

/* --- Incompressible data ------------------------------------------------------------------------ */

/* A slow compressor takes its time even if the data cannot be compressed. So a fast one tries
 * first, and the slow one runs only if the fast one succeeds. */
static bool is_slow(SQFS_COMPRESSOR id, int level)
{
    return id == SQFS_COMP_XZ || (id == SQFS_COMP_ZSTD && level >= 10);
}

/* --- The interface of libsquashfs --------------------------------------------------------------- */

static const struct {
    SQFS_COMPRESSOR id;
    struct engine engine;
} known[] = {
    [COMPRESSION_GZIP] = { SQFS_COMP_GZIP, { gzip_start, gzip_end, gzip_compress } },
    [COMPRESSION_LZ4] = { SQFS_COMP_LZ4, { lz4_start, free, lz4_compress } },
    [COMPRESSION_XZ] = { SQFS_COMP_XZ, { xz_start, xz_end, xz_compress } },
    [COMPRESSION_ZSTD] = { SQFS_COMP_ZSTD, { zstd_start, zstd_end, zstd_compress } },
};

struct method {
    const struct engine *engine;
    int level;
    size_t block_bytes;
    bool has_probe;
};

struct compressor {
    sqfs_compressor_t base;
    sqfs_compressor_t *inner; /* the library's; owned */
    struct method method;
    void *context;    /* the engine's; owned */
    ZSTD_CCtx *probe; /* null if not needed; owned */
};

static struct compressor *of(const void *object)
{
    return (struct compressor *)object;
}

static void destroy(sqfs_object_t *object)
{
    struct compressor *compressor = of(object);
    if (compressor->context)
        compressor->method.engine->end(compressor->context);
    ZSTD_freeCCtx(compressor->probe);
    sqfs_part_destroy(compressor->inner);
    free(compressor);
}

static void get_configuration(const sqfs_compressor_t *compressor, sqfs_compressor_config_t *config)
{
    of(compressor)->inner->get_configuration(of(compressor)->inner, config);
}

static int write_options(sqfs_compressor_t *compressor, sqfs_file_t *file)
{
    return of(compressor)->inner->write_options(of(compressor)->inner, file);
}

static int read_options(sqfs_compressor_t *compressor, sqfs_file_t *file)
{
    return of(compressor)->inner->read_options(of(compressor)->inner, file);
}

static sqfs_s32 only_smaller(sqfs_s32 length, sqfs_u32 size)
{
    return length > 0 && (sqfs_u32)length >= size ? 0 : length;
}

static sqfs_s32 do_block(sqfs_compressor_t *base, const sqfs_u8 *in, sqfs_u32 size, sqfs_u8 *out,
                         sqfs_u32 out_size)
{
    const struct compressor *compressor = of(base);
    const struct job job = { in, size, out, out_size };
    if (compressor->probe) {
        sqfs_s32 length = only_smaller(
            zstd_result(ZSTD_compressCCtx(compressor->probe, out, out_size, in, size, 1)), size);
        if (length <= 0)
            return length;
    }
    return only_smaller(
        compressor->method.engine->compress(compressor->context, compressor->method.level, &job),
        size);
}

static sqfs_object_t *copy(const sqfs_object_t *object);

/* Takes ownership of `inner`. Returns null if `inner` is null or if there is not enough memory. */
static sqfs_compressor_t *make(sqfs_compressor_t *inner, const struct method *method)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (!compressor || !inner) {
        sqfs_part_destroy(inner);
        free(compressor);
        return NULL;
    }
    *compressor = (struct compressor){
        .base = {
            .base = { .destroy = destroy, .copy = copy },
            .get_configuration = get_configuration,
            .write_options = write_options,
            .read_options = read_options,
            .do_block = do_block,
        },
        .inner = inner,
        .method = *method,
        .probe = method->has_probe ? ZSTD_createCCtx() : NULL,
        .context = method->engine->start(method->level, method->block_bytes),
    };
    if (compressor->context && (!method->has_probe || compressor->probe))
        return &compressor->base;
    destroy(&compressor->base.base);
    return NULL;
}

static sqfs_object_t *copy(const sqfs_object_t *object)
{
    const struct compressor *compressor = of(object);
    sqfs_compressor_t *copied = make(sqfs_copy(compressor->inner), &compressor->method);
    return (sqfs_object_t *)copied;
}

SQFS_COMPRESSOR compressor_id(const struct compression *compression)
{
    return known[compression->kind].id;
}

/* Creates the library's own compressor, which writes the options into the image. Returns null on
 * failure. */
static sqfs_compressor_t *make_inner(const struct compression *compression, size_t block_bytes)
{
    sqfs_compressor_config_t config;
    sqfs_compressor_t *inner = NULL;
    if (sqfs_compressor_config_init(&config, compressor_id(compression), block_bytes, 0) < 0)
        return NULL;
    if (compression->kind == COMPRESSION_LZ4)
        config.flags |= compression->level > 0 ? SQFS_COMP_FLAG_LZ4_HC : 0;
    else if (compression->kind == COMPRESSION_GZIP && compression->level > SQFS_GZIP_MAX_LEVEL)
        config.level = SQFS_GZIP_MAX_LEVEL; /* readers ignore the level */
    else
        config.level = (sqfs_u32)compression->level;
    return sqfs_compressor_create(&config, &inner) < 0 ? NULL : inner;
}

bool compressor_make(const struct compression *compression, size_t block_bytes,
                     sqfs_compressor_t **ret_compressor, struct error *error)
{
    struct method method = {
        .engine = &known[compression->kind].engine,
        .level = compression->level,
        .block_bytes = block_bytes,
        .has_probe = is_slow(compressor_id(compression), compression->level),
    };
    assert(block_bytes > 0 && block_bytes <= SQFS_MAX_BLOCK_SIZE);
    sqfs_compressor_t *made = make(make_inner(compression, block_bytes), &method);
    if (!made)
        return error_set(error, "set up the compressor: out of memory, or libsquashfs has none");
    *ret_compressor = made;
    return true;
}
