#include "builder/reader/image_kernel.h"

#include "schema/base/little_endian.h"

#include <sqfs/block.h>
#include <sqfs/compressor.h>
#include <zstd.h>

/* --- zstd -------------------------------------------------------------------------------------- */

/* Exactly one frame. The window of a single segment is its content, which fits a block. */
static bool suits_zstd(struct str stream, uint64_t window_bytes)
{
    enum { HEADER_LEAST = 6, SINGLE_SEGMENT = 0x20, WINDOW_LOG_LEAST = 10 };
    static const uint32_t magic = 0xfd2fb528;
    if (stream.len < HEADER_LEAST || little_32(stream.data) != magic ||
        ZSTD_findFrameCompressedSize(stream.data, stream.len) != stream.len)
        return false;
    unsigned char descriptor = (unsigned char)stream.data[4];
    unsigned char window = (unsigned char)stream.data[5];
    uint64_t base = (uint64_t)1 << (WINDOW_LOG_LEAST + (window >> 3));
    return descriptor & SINGLE_SEGMENT || base + base / 8 * (window & 7) <= window_bytes;
}

/* --- xz ---------------------------------------------------------------------------------------- */

/* Takes the next byte; after the end, 255, which nothing here may be. */
static unsigned take(struct str *text)
{
    if (text->len == 0)
        return UINT8_MAX;
    unsigned byte = (unsigned char)text->data[0];
    *text = str_skip(*text, 1);
    return byte;
}

static void skip_number(struct str *text)
{
    while (text->len > 0 && take(text) & 0x80)
        continue;
}

/* No check or CRC-32; LZMA2, and before it at most one filter for a processor's code. Which of these
 * a kernel has depends on how it was built. */
static bool suits_xz(struct str stream, uint64_t window_bytes)
{
    enum {
        CHECK_AT = 7,
        HEADER_BYTES = 12,
        CRC32 = 1,
        CODE_FILTER = 0x01,
        HAS_SIZES = 0xc0,
        HAS_SIZE = 0x40,
        FIRST_CODE = 4,
        LAST_CODE = 11,
        LZMA2 = 0x21,
        DICTIONARY_MOST = 39
    };
    if (stream.len <= HEADER_BYTES || (unsigned char)stream.data[CHECK_AT] > CRC32)
        return false;
    struct str header = str_skip(stream, HEADER_BYTES + 1);
    unsigned flags = take(&header);
    if (flags & ~(unsigned)(CODE_FILTER | HAS_SIZES))
        return false;
    for (unsigned bit = HAS_SIZE; bit < 0x100; bit <<= 1)
        if (flags & bit)
            skip_number(&header);
    if (flags & CODE_FILTER) {
        unsigned code = take(&header), property_bytes = take(&header);
        if (code < FIRST_CODE || code > LAST_CODE || property_bytes != 0)
            return false;
    }
    unsigned filter = take(&header), property_bytes = take(&header), size = take(&header);
    return filter == LZMA2 && property_bytes == 1 && size <= DICTIONARY_MOST &&
           (uint64_t)(2 | (size & 1)) << (size / 2 + 11) <= window_bytes;
}

/* --- The whole ----------------------------------------------------------------------------------- */

bool image_kernel_reads(const struct image_file *file, struct str stream)
{
    uint64_t window_default = file->super.block_bytes;
    if (window_default < SQFS_META_BLOCK_SIZE)
        window_default = SQFS_META_BLOCK_SIZE;
    uint64_t window_bytes = file->dictionary_bytes ? file->dictionary_bytes : window_default;
    switch (file->super.compression) {
    case SQFS_COMP_ZSTD:
        return suits_zstd(stream, window_bytes);
    case SQFS_COMP_XZ:
        return suits_xz(stream, window_bytes);
    default:
        return true;
    }
}
