#include "builder/ramdisk/ramdisk_compressor.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 1 << 20,
    WINDOW_LOG = 23, /* 8 MiB, the largest window that the kernel's zstd unpacks */
    GZIP_WINDOW_BYTES = 1 << 15,
    GZIP_BATCH_MAX = 64, /* pieces in memory at the same time */
    ZSTD_LEVEL_MAX = 19, /* higher levels have larger windows */
};

/* Returns the highest level that the kernel can unpack, or -1 if it cannot unpack this format. */
static int level_most(enum compression_kind kind)
{
    if (kind == COMPRESSION_ZSTD)
        return ZSTD_LEVEL_MAX;
    return kind == COMPRESSION_GZIP || kind == COMPRESSION_XZ ? 9 : -1;
}

bool ramdisk_compression_parse(struct str text, struct ramdisk_compression *ret_compression,
                               struct error *error)
{
    struct compression compression;
    if (str_equal(text, STR("none"))) {
        *ret_compression = (struct ramdisk_compression){ .is_on = false };
        return true;
    }
    if (!compression_parse(text, &compression, error) ||
        compression.level > level_most(compression.kind))
        return error_set(
            error,
            "'%.*s' is no compression of a ramdisk; known are gzip (1 to 9), xz (0 to 9), zstd (1 "
            "to %d) and none",
            STR_ARG(text), ZSTD_LEVEL_MAX);
    *ret_compression = (struct ramdisk_compression){ true, compression.kind, compression.level };
    return true;
}

/* --- Common parts ------------------------------------------------------------------------------- */

struct stream {
    int source, target;
    uint64_t next, end; /* in the source, which starts at 0 */
    uint64_t written;   /* in the target: where the next byte goes */
    const struct crew *crew;
    int level;
    struct arena scratch;
};

static bool read_at(int fd, uint64_t offset, void *bytes, size_t count, struct error *error)
{
    size_t got;
    return file_read_at((struct file){ fd, "the ramdisk" }, bytes, count, offset, &got, error) &&
           (got == count || error_set(error, "the ramdisk changed while it was read"));
}

/* Frees the disk space of what was read, except the window of the next piece. This only saves
 * space, so errors are ignored. */
static void forget(const struct stream *stream)
{
    if (stream->next > GZIP_WINDOW_BYTES)
        (void)fallocate(stream->source, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                        (off_t)(stream->next - GZIP_WINDOW_BYTES));
}

/* Reads the next piece. Only the last piece is shorter than PIECE_BYTES. */
static bool next_piece(struct stream *stream, char *bytes, size_t *ret_count, struct error *error)
{
    uint64_t left = stream->end - stream->next;
    size_t count = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    if (!read_at(stream->source, stream->next, bytes, count, error))
        return false;
    stream->next += count;
    assert(stream->next <= stream->end);
    forget(stream);
    *ret_count = count;
    return true;
}

static bool put(struct stream *stream, const void *bytes, size_t count, struct error *error)
{
    if (!file_write_at((struct file){ stream->target, "the ramdisk" }, bytes, count,
                       stream->written, error))
        return false;
    stream->written += count;
    return true;
}

/* The libraries either start all threads or fail. */
static bool refuse_jobs(const struct stream *stream, struct error *error)
{
    return error_set(
        error,
        "compress the ramdisk: there is no room for %u threads; use fewer (--jobs), or "
        "gzip, which takes as many as there are",
        stream->crew->jobs);
}

/* --- zstd ----------------------------------------------------------------------------------------- */

static void free_zstd(ZSTD_CCtx **context)
{
    ZSTD_freeCCtx(*context);
}

static bool zstd_parameters(ZSTD_CCtx *context, const struct stream *stream)
{
    ZSTD_bounds workers = ZSTD_cParam_getBounds(ZSTD_c_nbWorkers);
    int jobs =
        (int)stream->crew->jobs < workers.upperBound ? (int)stream->crew->jobs : workers.upperBound;
    /* Even a single job uses a worker: without workers, libzstd divides a frame differently. */
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, stream->level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, jobs)) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, stream->end));
}

static bool compress_zstd(struct stream *stream, struct error *error)
{
    cleanup(free_zstd) ZSTD_CCtx *context = ZSTD_createCCtx();
    char *bytes = arena_room(&stream->scratch, PIECE_BYTES);
    char *packed = arena_room(&stream->scratch, PIECE_BYTES);
    if (!context || !zstd_parameters(context, stream))
        return error_set(error, "libzstd cannot compress with threads");
    for (size_t left = 1; left > 0;) {
        ZSTD_inBuffer in = { .src = bytes };
        if (!next_piece(stream, bytes, &in.size, error))
            return false;
        bool is_last = stream->next == stream->end;
        do {
            ZSTD_outBuffer out = { packed, PIECE_BYTES, 0 };
            left = ZSTD_compressStream2(context, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
                return refuse_jobs(stream, error);
            if (ZSTD_isError(left))
                return error_set(error, "compress the ramdisk: %s", ZSTD_getErrorName(left));
            if (!put(stream, packed, out.pos, error))
                return false;
        } while (in.pos < in.size || (is_last && left > 0));
        left = !is_last;
    }
    return true;
}

/* --- xz ------------------------------------------------------------------------------------------- */

static bool compress_xz(struct stream *stream, struct error *error)
{
    lzma_mt options = {
        .threads = stream->crew->jobs,
        .preset = (uint32_t)stream->level,
        .check = LZMA_CHECK_CRC32,
    };
    cleanup(lzma_end) lzma_stream xz = LZMA_STREAM_INIT;
    uint8_t *bytes = arena_room(&stream->scratch, PIECE_BYTES);
    uint8_t *packed = arena_room(&stream->scratch, PIECE_BYTES);
    lzma_ret result = lzma_stream_encoder_mt(&xz, &options);
    while (result == LZMA_OK) {
        if (xz.avail_in == 0 && stream->next < stream->end) {
            xz.next_in = bytes;
            if (!next_piece(stream, (char *)bytes, &xz.avail_in, error))
                return false;
        }
        xz.next_out = packed;
        xz.avail_out = PIECE_BYTES;
        result = lzma_code(&xz, stream->next == stream->end ? LZMA_FINISH : LZMA_RUN);
        if (!put(stream, packed, PIECE_BYTES - xz.avail_out, error))
            return false;
    }
    if (result == LZMA_MEM_ERROR)
        return refuse_jobs(stream, error);
    return result == LZMA_STREAM_END ||
           error_set(error, "compress the ramdisk: liblzma's error %d", (int)result);
}

/* --- gzip ----------------------------------------------------------------------------------------- */

/* Pieces are compressed at the same time. The dictionary of a piece is the end of the previous one.
 * Each piece is flushed, so that the next one starts at a whole byte. */
struct gzip_piece {
    uint8_t *bytes, *packed;
    size_t room, size_bytes, packed_bytes;
    uint32_t crc;
};

struct gzip {
    const struct stream *stream;
    struct gzip_piece *pieces;
};

static bool deflate_piece(const struct gzip *gzip, struct gzip_piece *piece, size_t before_bytes,
                          bool is_last)
{
    z_stream deflater = { 0 };
    if (deflateInit2(&deflater, gzip->stream->level, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    deflater.next_in = piece->bytes + GZIP_WINDOW_BYTES;
    deflater.avail_in = (uInt)piece->size_bytes;
    deflater.next_out = piece->packed;
    deflater.avail_out = (uInt)piece->room;
    bool done =
        before_bytes == 0 || deflateSetDictionary(&deflater, deflater.next_in - before_bytes,
                                                  (uInt)before_bytes) == Z_OK;
    done = done &&
           deflate(&deflater, is_last ? Z_FINISH : Z_SYNC_FLUSH) == (is_last ? Z_STREAM_END : Z_OK);
    done = done && deflater.avail_in == 0 && (is_last || deflater.avail_out > 0);
    piece->packed_bytes = piece->room - deflater.avail_out;
    assert(piece->packed_bytes <= piece->room);
    deflateEnd(&deflater);
    return done;
}

static bool gzip_one(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    const struct gzip *gzip = context;
    struct gzip_piece *piece = &gzip->pieces[index];
    const struct stream *stream = gzip->stream;
    uint64_t start = stream->next + (uint64_t)index * PIECE_BYTES;
    uint64_t left = stream->end - start;
    size_t before = start < GZIP_WINDOW_BYTES ? (size_t)start : GZIP_WINDOW_BYTES;
    (void)member;
    piece->size_bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    if (!read_at(stream->source, start - before, piece->bytes + GZIP_WINDOW_BYTES - before,
                 before + piece->size_bytes, error))
        return false;
    piece->crc = (uint32_t)crc32(0, piece->bytes + GZIP_WINDOW_BYTES, (uInt)piece->size_bytes);
    return deflate_piece(gzip, piece, before, left <= PIECE_BYTES) ||
           error_set(error, "compress the ramdisk: zlib failed");
}

static void put_word(uint8_t *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(word >> 8 * i);
}

static bool compress_gzip(struct stream *stream, struct error *error)
{
    static const uint8_t header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
    uint8_t trailer[8];
    size_t batch =
        stream->crew->jobs < GZIP_BATCH_MAX / 4 ? 4 * stream->crew->jobs : GZIP_BATCH_MAX;
    struct gzip gzip = { stream, arena_new(&stream->scratch, struct gzip_piece, batch) };
    uint32_t crc = 0;
    for (size_t i = 0; i < batch; i++) {
        gzip.pieces[i].room = compressBound(PIECE_BYTES) + GZIP_WINDOW_BYTES;
        gzip.pieces[i].bytes = arena_room(&stream->scratch, GZIP_WINDOW_BYTES + PIECE_BYTES);
        gzip.pieces[i].packed = arena_room(&stream->scratch, gzip.pieces[i].room);
    }
    if (!put(stream, header, sizeof header, error))
        return false;
    while (stream->next < stream->end) {
        uint64_t left = (stream->end - stream->next + PIECE_BYTES - 1) / PIECE_BYTES;
        size_t count = left < batch ? (size_t)left : batch;
        if (!parallel_run(stream->crew, count, gzip_one, &gzip, error))
            return false;
        for (size_t i = 0; i < count; i++) {
            const struct gzip_piece *piece = &gzip.pieces[i];
            crc = (uint32_t)crc32_combine(crc, piece->crc, (z_off_t)piece->size_bytes);
            if (!put(stream, piece->packed, piece->packed_bytes, error))
                return false;
            stream->next += piece->size_bytes;
        }
        forget(stream);
    }
    put_word(trailer, crc);
    put_word(trailer + 4, (uint32_t)stream->end);
    return put(stream, trailer, sizeof trailer, error);
}

bool ramdisk_compress(const struct ramdisk_compression *compression, const struct crew *crew,
                      const struct ramdisk *archive, struct ramdisk *ramdisk, struct arena scratch,
                      struct error *error)
{
    struct stream stream = {
        .source = archive->fd,
        .target = ramdisk->fd,
        .end = archive->size_bytes,
        .written = ramdisk->size_bytes,
        .crew = crew,
        .level = compression->level,
        .scratch = scratch,
    };
    assert(compression->is_on && level_most(compression->kind) >= 0 && crew->jobs > 0);
    assert(!archive->member && !ramdisk->member);
    if (!(compression->kind == COMPRESSION_ZSTD ? compress_zstd
          : compression->kind == COMPRESSION_XZ ? compress_xz
                                                : compress_gzip)(&stream, error))
        return false;
    ramdisk->size_bytes = stream.written;
    return true;
}
