#include "builder/codec/block_record.h"

#include "builder/codec/compressor.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <zstd.h>

#include <assert.h>

enum { FIXED_TEXT_BYTES = 1 << 16 };

/* Makes words of an invented language, some of them frequent. So there are matches that some levels
 * find and others miss. */
static void fill_text(uint8_t *text)
{
    enum { MULTIPLIER = 1664525, INCREMENT = 1013904223 };
    static const uint32_t golden = 2654435761;
    uint32_t state = 1;
    for (size_t i = 0; i < FIXED_TEXT_BYTES; i++) {
        state = state * MULTIPLIER + INCREMENT;
        uint32_t word = (state >> 16 & 0xff) * (state >> 24) / 32;
        for (uint32_t j = 0; j < 2 + word % 7 && i < FIXED_TEXT_BYTES; j++)
            text[i++] = (uint8_t)('a' + (word * golden >> 4 * j) % 16);
        if (i < FIXED_TEXT_BYTES)
            text[i] = ' ';
    }
}

static bool fingerprint(int level, struct arena scratch, uint32_t *ret_checksum,
                        struct error *error)
{
    uint8_t *text = arena_room(&scratch, FIXED_TEXT_BYTES);
    uint8_t *packed = arena_room(&scratch, 2 * FIXED_TEXT_BYTES);
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    if (!compressor)
        return error_set(error, "set up the compressor: out of memory");
    fill_text(text);
    size_t length =
        libdeflate_zlib_compress(compressor, text, FIXED_TEXT_BYTES, packed, 2 * FIXED_TEXT_BYTES);
    libdeflate_free_compressor(compressor);
    *ret_checksum = libdeflate_crc32(0, packed, length);
    return true;
}

static bool format_libraries(const struct compression *compression, struct arena *arena,
                             struct str *ret_text, struct error *error)
{
    uint32_t checksum = 0;
    switch (compression->kind) {
    case COMPRESSION_GZIP:
        if (!fingerprint(compression->level, *arena, &checksum, error))
            return false;
        *ret_text = arena_format(arena, "libdeflate=%s-%08x", LIBDEFLATE_VERSION_STRING, checksum);
        return true;
    case COMPRESSION_LZ4:
        *ret_text = arena_format(arena, "lz4=%s", LZ4_versionString());
        return true;
    case COMPRESSION_XZ:
        *ret_text =
            arena_format(arena, "xz=%s zstd=%s", lzma_version_string(), ZSTD_versionString());
        return true;
    case COMPRESSION_ZSTD:
        break;
    }
    *ret_text = arena_format(arena, "zstd=%s", ZSTD_versionString());
    return true;
}

bool block_record(const struct compression *compression, size_t block_bytes, struct arena *arena,
                  struct str *ret_record, struct error *error)
{
    struct str libraries;
    if (!format_libraries(compression, arena, &libraries, error))
        return false;
    struct str record =
        arena_format(arena, "code=%d size=%zu compression=%.*s %.*s", COMPRESSOR_CODE, block_bytes,
                     STR_ARG(compression_format(compression, arena)), STR_ARG(libraries));
    assert(record.len <= BLOCK_RECORD_MAX);
    *ret_record = record;
    return true;
}
