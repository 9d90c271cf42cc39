#include "tests/check_libraries.h"

#include "tests/check_calls.h"

#include <archive.h>
#include <archive_entry.h>
#include <libdeflate.h>
#include <lzma.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* How many calls and allocations are left until one fails; 0: none does. Threads count together. */
static atomic_size_t calls_left, allocations_left;
static atomic_bool has_failed;

static bool is_last(atomic_size_t *left)
{
    size_t before = atomic_load(left);
    while (before > 0 && !atomic_compare_exchange_weak(left, &before, before - 1))
        ;
    if (before != 1)
        return false;
    atomic_store(&has_failed, true);
    return true;
}

static void start(enum check_failing what, size_t number)
{
    atomic_store(&has_failed, false);
    if (what == CHECK_CALLS)
        check_calls_fail(number);
    else if (what == CHECK_ALL_CALLS)
        check_calls_fail_from(number);
    else
        atomic_store(what == CHECK_LIBRARIES ? &calls_left : &allocations_left, number);
}

static bool end(enum check_failing what)
{
    if (what == CHECK_CALLS || what == CHECK_ALL_CALLS)
        return check_calls_end();
    atomic_store(&calls_left, 0);
    atomic_store(&allocations_left, 0);
    return atomic_load(&has_failed);
}

static void prepare_nothing(void *context)
{
    (void)context;
}

size_t check_each(enum check_failing what, bool (*work)(void *context), void *context)
{
    return check_each_prepared(what, prepare_nothing, work, context);
}

size_t check_each_prepared(enum check_failing what, void (*prepare)(void *context),
                           bool (*work)(void *context), void *context)
{
    static const char *const names[] = { "call", "all calls from", "library's function",
                                         "allocation" };
    size_t not_done = 0;
    bool failed = true;
    for (size_t number = 1; failed; number++) {
        prepare(context);
        check_error->sentence[0] = '\0';
        start(what, number);
        bool done = work(context);
        failed = end(what);
        not_done += !done;
        check_about("%s %zu: %s", names[what], number, check_error->sentence);
        if (!CHECK(done || (failed && check_error->sentence[0])))
            break;
    }
    return not_done;
}

/* --- The libraries ------------------------------------------------------------------------------ */

/* Defines the library's function, with its type, parameters and arguments, and what it returns when it fails. */
#define FAILING(type, name, parameters, arguments, failure)       \
    type name parameters                                          \
    {                                                             \
        static __typeof__(&name) next;                            \
        if (!next)                                                \
            next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);    \
        return is_last(&calls_left) ? (failure) : next arguments; \
    }

/* clang-format off */
FAILING(int, sqfs_compressor_config_init, (sqfs_compressor_config_t *c, SQFS_COMPRESSOR id, size_t size, sqfs_u16 flags), (c, id, size, flags), SQFS_ERROR_ARG_INVALID)
FAILING(int, sqfs_compressor_create, (const sqfs_compressor_config_t *c, sqfs_compressor_t **ret), (c, ret), SQFS_ERROR_UNSUPPORTED)
FAILING(int, sqfs_super_init, (sqfs_super_t *s, size_t size, sqfs_u32 time, SQFS_COMPRESSOR id), (s, size, time, id), SQFS_ERROR_SUPER_BLOCK_SIZE)
FAILING(int, sqfs_super_write, (const sqfs_super_t *s, sqfs_file_t *f), (s, f), SQFS_ERROR_IO)
FAILING(sqfs_frag_table_t *, sqfs_frag_table_create, (sqfs_u32 flags), (flags), NULL)
FAILING(int, sqfs_frag_table_append, (sqfs_frag_table_t *t, sqfs_u64 at, sqfs_u32 size, sqfs_u32 *ret), (t, at, size, ret), SQFS_ERROR_ALLOC)
FAILING(int, sqfs_frag_table_write, (sqfs_frag_table_t *t, sqfs_file_t *f, sqfs_super_t *s, sqfs_compressor_t *c), (t, f, s, c), SQFS_ERROR_COMPRESSOR)
FAILING(sqfs_id_table_t *, sqfs_id_table_create, (sqfs_u32 flags), (flags), NULL)
FAILING(int, sqfs_id_table_id_to_index, (sqfs_id_table_t *t, sqfs_u32 id, sqfs_u16 *ret), (t, id, ret), SQFS_ERROR_OVERFLOW)
FAILING(int, sqfs_id_table_write, (sqfs_id_table_t *t, sqfs_file_t *f, sqfs_super_t *s, sqfs_compressor_t *c), (t, f, s, c), SQFS_ERROR_INTERNAL)
FAILING(sqfs_meta_writer_t *, sqfs_meta_writer_create, (sqfs_file_t *f, sqfs_compressor_t *c, sqfs_u32 flags), (f, c, flags), NULL)
FAILING(int, sqfs_meta_writer_write_inode, (sqfs_meta_writer_t *m, const sqfs_inode_generic_t *n), (m, n), SQFS_ERROR_ALLOC)
FAILING(int, sqfs_meta_writer_flush, (sqfs_meta_writer_t *m), (m), SQFS_ERROR_COMPRESSOR)
FAILING(int, sqfs_meta_write_write_to_file, (sqfs_meta_writer_t *m), (m), SQFS_ERROR_IO)
FAILING(sqfs_dir_writer_t *, sqfs_dir_writer_create, (sqfs_meta_writer_t *m, sqfs_u32 flags), (m, flags), NULL)
FAILING(int, sqfs_dir_writer_begin, (sqfs_dir_writer_t *w, sqfs_u32 flags), (w, flags), SQFS_ERROR_ALLOC)
FAILING(int, sqfs_dir_writer_add_entry, (sqfs_dir_writer_t *w, const char *name, sqfs_u32 number, sqfs_u64 at, sqfs_u16 mode), (w, name, number, at, mode), SQFS_ERROR_ALLOC)
FAILING(int, sqfs_dir_writer_end, (sqfs_dir_writer_t *w), (w), SQFS_ERROR_ALLOC)
FAILING(sqfs_inode_generic_t *, sqfs_dir_writer_create_inode, (const sqfs_dir_writer_t *w, size_t links, sqfs_u32 xattr, sqfs_u32 parent), (w, links, xattr, parent), NULL)
FAILING(int, sqfs_dir_writer_write_export_table, (sqfs_dir_writer_t *w, sqfs_file_t *f, sqfs_compressor_t *c, sqfs_u32 number, sqfs_u64 at, sqfs_super_t *s), (w, f, c, number, at, s), SQFS_ERROR_ALLOC)
FAILING(int, sqfs_inode_set_file_size, (sqfs_inode_generic_t *n, sqfs_u64 size), (n, size), SQFS_ERROR_NOT_FILE)
FAILING(int, sqfs_inode_set_file_block_start, (sqfs_inode_generic_t *n, sqfs_u64 at), (n, at), SQFS_ERROR_NOT_FILE)
FAILING(int, sqfs_inode_set_frag_location, (sqfs_inode_generic_t *n, sqfs_u32 index, sqfs_u32 at), (n, index, at), SQFS_ERROR_NOT_FILE)
FAILING(int, sqfs_inode_make_extended, (sqfs_inode_generic_t *n), (n), SQFS_ERROR_INTERNAL)

FAILING(ZSTD_CCtx *, ZSTD_createCCtx, (void), (), NULL)
FAILING(ZSTD_DCtx *, ZSTD_createDCtx, (void), (), NULL)
FAILING(ZSTD_DStream *, ZSTD_createDStream, (void), (), NULL)
FAILING(size_t, ZSTD_CCtx_setParameter, (ZSTD_CCtx *c, ZSTD_cParameter p, int value), (c, p, value), (size_t)-ZSTD_error_parameter_outOfBound)
FAILING(size_t, ZSTD_CCtx_setPledgedSrcSize, (ZSTD_CCtx *c, unsigned long long size), (c, size), (size_t)-ZSTD_error_stage_wrong)
FAILING(size_t, ZSTD_compress2, (ZSTD_CCtx *c, void *out, size_t room, const void *in, size_t size), (c, out, room, in, size), (size_t)-ZSTD_error_memory_allocation)
FAILING(size_t, ZSTD_compressCCtx, (ZSTD_CCtx *c, void *out, size_t room, const void *in, size_t size, int level), (c, out, room, in, size, level), (size_t)-ZSTD_error_memory_allocation)
FAILING(size_t, ZSTD_compressStream2, (ZSTD_CCtx *c, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective end), (c, out, in, end), (size_t)-ZSTD_error_memory_allocation)
FAILING(size_t, ZSTD_decompressStream, (ZSTD_DStream *d, ZSTD_outBuffer *out, ZSTD_inBuffer *in), (d, out, in), (size_t)-ZSTD_error_memory_allocation)
FAILING(size_t, ZSTD_decompressDCtx, (ZSTD_DCtx *d, void *out, size_t room, const void *in, size_t size), (d, out, room, in, size), (size_t)-ZSTD_error_memory_allocation)

FAILING(struct libdeflate_compressor *, libdeflate_alloc_compressor, (int level), (level), NULL)
FAILING(struct libdeflate_decompressor *, libdeflate_alloc_decompressor, (void), (), NULL)

FAILING(lzma_bool, lzma_lzma_preset, (lzma_options_lzma *o, uint32_t preset), (o, preset), true)
FAILING(lzma_ret, lzma_stream_encoder, (lzma_stream *s, const lzma_filter *filters, lzma_check check), (s, filters, check), LZMA_MEM_ERROR)
FAILING(lzma_ret, lzma_stream_encoder_mt, (lzma_stream *s, const lzma_mt *options), (s, options), LZMA_MEM_ERROR)
FAILING(lzma_ret, lzma_auto_decoder, (lzma_stream *s, uint64_t memory, uint32_t flags), (s, memory, flags), LZMA_MEM_ERROR)
FAILING(lzma_ret, lzma_code, (lzma_stream *s, lzma_action action), (s, action), LZMA_PROG_ERROR)

FAILING(int, deflateInit2_, (z_streamp s, int level, int method, int bits, int memory, int strategy, const char *version, int size), (s, level, method, bits, memory, strategy, version, size), Z_MEM_ERROR)
FAILING(int, deflateSetDictionary, (z_streamp s, const Bytef *bytes, uInt size), (s, bytes, size), Z_STREAM_ERROR)
FAILING(int, deflate, (z_streamp s, int flush), (s, flush), Z_STREAM_ERROR)

FAILING(struct archive *, archive_write_new, (void), (), NULL)
FAILING(struct archive *, archive_read_new, (void), (), NULL)
FAILING(struct archive_entry *, archive_entry_new, (void), (), NULL)
FAILING(int, archive_write_set_format_pax_restricted, (struct archive *a), (a), ARCHIVE_FATAL)
FAILING(int, archive_write_set_filter_option, (struct archive *a, const char *module, const char *option, const char *value), (a, module, option, value), ARCHIVE_FAILED)
FAILING(int, archive_write_set_bytes_in_last_block, (struct archive *a, int size), (a, size), ARCHIVE_FATAL)
FAILING(int, archive_write_add_filter_none, (struct archive *a), (a), ARCHIVE_FATAL)
FAILING(int, archive_write_open_fd, (struct archive *a, int fd), (a, fd), ARCHIVE_FATAL)
FAILING(int, archive_write_header, (struct archive *a, struct archive_entry *e), (a, e), ARCHIVE_FATAL)
FAILING(la_ssize_t, archive_write_data, (struct archive *a, const void *bytes, size_t size), (a, bytes, size), ARCHIVE_FATAL)
FAILING(int, archive_write_close, (struct archive *a), (a), ARCHIVE_FATAL)
FAILING(int, archive_read_append_filter, (struct archive *a, int filter), (a, filter), ARCHIVE_FATAL)
FAILING(int, archive_read_support_format_raw, (struct archive *a), (a), ARCHIVE_FATAL)
FAILING(int, archive_read_open, (struct archive *a, void *context, archive_open_callback *open, archive_read_callback *read, archive_close_callback *close), (a, context, open, read, close), ARCHIVE_FATAL)
FAILING(int, archive_read_next_header, (struct archive *a, struct archive_entry **e), (a, e), ARCHIVE_FATAL)
FAILING(la_ssize_t, archive_read_data, (struct archive *a, void *bytes, size_t size), (a, bytes, size), ARCHIVE_FATAL)
/* clang-format on */

/* --- Allocations -------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HAS_SANITIZER
#endif
#endif

#ifndef HAS_SANITIZER

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool finds_none(void)
{
    if (!is_last(&allocations_left))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return finds_none() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return finds_none() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return finds_none() ? NULL : __libc_realloc(old, size);
}

#endif
