#include "builder/ramdisk/unpacker.h"

#include "builder/ramdisk/lzo.h"

#include <assert.h>
#include <string.h>

/* Limit of liblzma's memory. Streams of `xz -9` need 65 MiB. */
#define LZMA_MEMORY_MAX ((uint64_t)256 << 20)

/* lzop's format. The kernel takes no larger blocks, and takes it for granted that each has one
 * checksum, which it does not look at. All numbers are big-endian. */
static const char lzop_magic[] = "\x89LZO\0\r\n\x1a\n";
enum {
    LZOP_BLOCK_MAX = 256 << 10,
    LZOP_WITH_LEVEL = 0x0940, /* the first version whose header has a level, and longer times */
    LZOP_HAS_FILTER = 0x800,  /* among the flags */
};

enum packing packing_of(const char magic[static PACKING_MAGIC_BYTES])
{
    static const struct {
        char magic[PACKING_MAGIC_BYTES + 1];
        enum packing packing;
    } known[] = {
        { "\x1f\x8b", PACKING_GZIP }, { "BZ", PACKING_BZIP2 },  { "\x5d\0", PACKING_LZMA },
        { "\xfd\x37", PACKING_XZ },   { "\x89L", PACKING_LZO }, { "\x02\x21", PACKING_LZ4 },
        { "\x28\xb5", PACKING_ZSTD },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(magic, known[i].magic, PACKING_MAGIC_BYTES) == 0)
            return known[i].packing;
    return PACKING_UNKNOWN;
}

static bool failed(const struct unpacker *unpacker, const char *cause)
{
    return !unpacker->is_refused &&
           error_set(unpacker->error, "%s", cause ? cause : "libarchive cannot unpack it");
}

/* Reads more of the file if all bytes in the buffer are used. */
static bool fill(struct unpacker *unpacker)
{
    size_t got = 0;
    assert(unpacker->used <= unpacker->count && unpacker->count <= sizeof unpacker->packed);
    if (unpacker->used < unpacker->count)
        return true;
    if (!file_read_at(unpacker->file, unpacker->packed, sizeof unpacker->packed, unpacker->next,
                      &got, unpacker->error)) {
        unpacker->is_refused = true;
        return false;
    }
    unpacker->next += got;
    unpacker->count = got;
    unpacker->used = 0;
    return true;
}

static bool fill_again(struct unpacker *unpacker)
{
    return fill(unpacker) &&
           (unpacker->count > 0 || failed(unpacker, "it ends within a compressed stream"));
}

/* --- libarchive: gzip, bzip2, lz4 --------------------------------------------------------------- */

static la_ssize_t give_packed(struct archive *archive, void *context, const void **ret_bytes)
{
    struct unpacker *unpacker = context;
    (void)archive;
    unpacker->used = unpacker->count;
    *ret_bytes = unpacker->packed;
    return fill(unpacker) ? (la_ssize_t)unpacker->count : -1;
}

/* Only this filter is used. If libarchive chose, it would unpack again what it has unpacked, as often
 * as that looks compressed. The kernel does not, and no budget would count what is in between. */
static bool open_archive(struct unpacker *unpacker, int filter)
{
    struct archive *archive = unpacker->archive = archive_read_new();
    struct archive_entry *entry;
    if (!archive)
        return failed(unpacker, "out of memory");
    return (archive_read_append_filter(archive, filter) == ARCHIVE_OK &&
            archive_read_support_format_raw(archive) == ARCHIVE_OK &&
            archive_read_open(archive, unpacker, NULL, give_packed, NULL) == ARCHIVE_OK &&
            archive_read_next_header(archive, &entry) == ARCHIVE_OK) ||
           failed(unpacker, archive_error_string(archive));
}

static bool read_archive(struct unpacker *unpacker, char *bytes, size_t count, size_t *ret_count)
{
    la_ssize_t got = archive_read_data(unpacker->archive, bytes, count);
    if (got < 0)
        return failed(unpacker, archive_error_string(unpacker->archive));
    *ret_count = (size_t)got;
    return true;
}

/* --- zstd, xz, lzma: libarchive does not report where their streams end ------------------------- */

static bool open_zstd(struct unpacker *unpacker)
{
    unpacker->zstd = ZSTD_createDStream();
    return unpacker->zstd || failed(unpacker, "out of memory");
}

static bool read_zstd(struct unpacker *unpacker, char *bytes, size_t count, size_t *ret_count)
{
    ZSTD_outBuffer out = { bytes, count, 0 };
    while (out.pos == 0 && !unpacker->has_ended) {
        if (!fill_again(unpacker))
            return false;
        ZSTD_inBuffer in = { unpacker->packed, unpacker->count, unpacker->used };
        size_t result = ZSTD_decompressStream(unpacker->zstd, &out, &in);
        if (ZSTD_isError(result))
            return failed(unpacker, ZSTD_getErrorName(result));
        unpacker->used = in.pos;
        unpacker->has_ended = result == 0;
    }
    *ret_count = out.pos;
    return true;
}

static const char *lzma_cause(lzma_ret result)
{
    if (result == LZMA_MEM_ERROR)
        return "out of memory";
    return result == LZMA_MEMLIMIT_ERROR ? "it needs more than 256 MiB of memory" : "it is damaged";
}

/* LZMA_CONCATENATED is not set, because the kernel takes each stream for a separate archive. */
static bool open_lzma(struct unpacker *unpacker)
{
    lzma_ret result = lzma_auto_decoder(&unpacker->lzma, LZMA_MEMORY_MAX, 0);
    return result == LZMA_OK || failed(unpacker, lzma_cause(result));
}

static bool read_lzma(struct unpacker *unpacker, char *bytes, size_t count, size_t *ret_count)
{
    lzma_stream *stream = &unpacker->lzma;
    stream->next_out = (uint8_t *)bytes;
    stream->avail_out = count;
    while (stream->avail_out == count && !unpacker->has_ended) {
        if (!fill_again(unpacker))
            return false;
        stream->next_in = (const uint8_t *)unpacker->packed + unpacker->used;
        stream->avail_in = unpacker->count - unpacker->used;
        lzma_ret result = lzma_code(stream, LZMA_RUN);
        unpacker->used = unpacker->count - stream->avail_in;
        if (result != LZMA_OK && result != LZMA_STREAM_END)
            return failed(unpacker, lzma_cause(result));
        unpacker->has_ended = result == LZMA_STREAM_END;
    }
    *ret_count = count - stream->avail_out;
    return true;
}

/* --- lzo, in the format of lzop ----------------------------------------------------------------- */

/* `bytes` may be NULL. */
static bool take(struct unpacker *unpacker, char *bytes, size_t count)
{
    for (size_t got = 0, some; got < count; got += some) {
        if (!fill_again(unpacker))
            return false;
        some = unpacker->count - unpacker->used;
        if (some > count - got)
            some = count - got;
        if (bytes)
            memcpy(bytes + got, unpacker->packed + unpacker->used, some);
        unpacker->used += some;
    }
    return true;
}

/* Takes a number of up to four bytes. */
static bool take_number(struct unpacker *unpacker, size_t count, uint32_t *ret_number)
{
    char bytes[4];
    assert(count <= sizeof bytes);
    if (!take(unpacker, bytes, count))
        return false;
    *ret_number = 0;
    for (size_t i = 0; i < count; i++)
        *ret_number = *ret_number << 8 | (uint8_t)bytes[i];
    return true;
}

static bool skip(struct unpacker *unpacker, size_t count)
{
    return take(unpacker, NULL, count);
}

/* Version; the library's, the one it takes to unpack, method; level; flags; filter; mode and time;
 * the file's name; checksum. */
static bool open_lzo(struct unpacker *unpacker)
{
    char magic[sizeof lzop_magic - 1];
    uint32_t version, flags, name_bytes;
    if (!take(unpacker, magic, sizeof magic))
        return false;
    if (memcmp(magic, lzop_magic, sizeof magic) != 0)
        return failed(unpacker, "it is damaged");
    if (!arena_reserve(&unpacker->lzo_memory, ARENA_LEAST_BYTES, unpacker->error)) {
        unpacker->is_refused = true;
        return false;
    }
    struct arena memory = unpacker->lzo_memory;
    unpacker->lzo_packed = arena_new(&memory, char, LZOP_BLOCK_MAX);
    unpacker->lzo_block = arena_new(&memory, char, LZOP_BLOCK_MAX);
    return take_number(unpacker, 2, &version) && skip(unpacker, 2 + 2 + 1) &&
           skip(unpacker, version >= LZOP_WITH_LEVEL ? 1 : 0) && take_number(unpacker, 4, &flags) &&
           skip(unpacker, flags & LZOP_HAS_FILTER ? 4 : 0) &&
           skip(unpacker, version >= LZOP_WITH_LEVEL ? 4 + 4 + 4 : 4 + 4) &&
           take_number(unpacker, 1, &name_bytes) && skip(unpacker, name_bytes + 4);
}

/* A block is stored as it is if packing does not make it smaller. */
static bool read_lzo_block(struct unpacker *unpacker)
{
    uint32_t bytes, packed_bytes;
    if (!take_number(unpacker, 4, &bytes))
        return false;
    unpacker->lzo_bytes = unpacker->lzo_used = 0;
    unpacker->has_ended = bytes == 0;
    if (unpacker->has_ended)
        return true;
    if (!take_number(unpacker, 4, &packed_bytes) || !skip(unpacker, 4))
        return false;
    if (bytes > LZOP_BLOCK_MAX || packed_bytes > bytes)
        return failed(unpacker, "it is damaged");
    bool is_stored = packed_bytes == bytes;
    if (!take(unpacker, is_stored ? unpacker->lzo_block : unpacker->lzo_packed, packed_bytes))
        return false;
    struct str packed = { unpacker->lzo_packed, packed_bytes };
    if (!is_stored && !lzo_unpack(packed, unpacker->lzo_block, bytes))
        return failed(unpacker, "it is damaged");
    unpacker->lzo_bytes = bytes;
    return true;
}

static bool read_lzo(struct unpacker *unpacker, char *bytes, size_t count, size_t *ret_count)
{
    if (unpacker->lzo_used == unpacker->lzo_bytes && !unpacker->has_ended &&
        !read_lzo_block(unpacker))
        return false;
    assert(unpacker->lzo_used <= unpacker->lzo_bytes);
    size_t some = unpacker->lzo_bytes - unpacker->lzo_used;
    if (some > count)
        some = count;
    memcpy(bytes, unpacker->lzo_block + unpacker->lzo_used, some);
    unpacker->lzo_used += some;
    *ret_count = some;
    return true;
}

/* --- All formats -------------------------------------------------------------------------------- */

bool unpacker_open(struct unpacker *unpacker, struct file file, uint64_t offset,
                   struct error *error)
{
    char magic[PACKING_MAGIC_BYTES];
    size_t got;
    *unpacker = (struct unpacker){ .file = file, .start = offset, .next = offset, .error = error };
    if (!file_read_at(file, magic, sizeof magic, offset, &got, error))
        return false;
    unpacker->packing = got == sizeof magic ? packing_of(magic) : PACKING_UNKNOWN;
    switch (unpacker->packing) {
    case PACKING_BZIP2:
        return open_archive(unpacker, ARCHIVE_FILTER_BZIP2);
    case PACKING_GZIP:
        return open_archive(unpacker, ARCHIVE_FILTER_GZIP);
    case PACKING_LZ4:
        return open_archive(unpacker, ARCHIVE_FILTER_LZ4);
    case PACKING_LZMA:
    case PACKING_XZ:
        return open_lzma(unpacker);
    case PACKING_ZSTD:
        return open_zstd(unpacker);
    case PACKING_LZO:
        return open_lzo(unpacker);
    case PACKING_UNKNOWN:
        break;
    }
    return error_set(error, "it is neither a cpio archive nor compressed as the kernel knows it");
}

bool unpacker_read(struct unpacker *unpacker, char *bytes, size_t count, size_t *ret_count,
                   struct error *error)
{
    assert(count > 0 && unpacker->packing != PACKING_UNKNOWN);
    unpacker->error = error;
    if (unpacker->archive)
        return read_archive(unpacker, bytes, count, ret_count);
    if (unpacker->lzo_block)
        return read_lzo(unpacker, bytes, count, ret_count);
    return unpacker->zstd ? read_zstd(unpacker, bytes, count, ret_count)
                          : read_lzma(unpacker, bytes, count, ret_count);
}

uint64_t unpacker_end(const struct unpacker *unpacker)
{
    if (unpacker->archive)
        return unpacker->start + (uint64_t)archive_filter_bytes(unpacker->archive, -1);
    return unpacker->next - (unpacker->count - unpacker->used);
}

void unpacker_close(struct unpacker *unpacker)
{
    if (unpacker->archive)
        archive_read_free(unpacker->archive);
    ZSTD_freeDStream(unpacker->zstd);
    lzma_end(&unpacker->lzma);
    arena_unreserve(&unpacker->lzo_memory);
}
