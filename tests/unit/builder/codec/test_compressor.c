#include "tests/check.h"

#include "builder/codec/compressor.h"
#include "builder/codec/sqfs_parts.h"
#include "schema/base/own.h"

#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { BLOCK = 1 << 16 };

static const char *const methods[] = { "gzip:1", "gzip:9", "gzip:12", "lz4",    "lz4:12",
                                       "xz:0",   "xz:6",   "zstd:1",  "zstd:9", "zstd:19" };

static void release(sqfs_compressor_t **compressor)
{
    sqfs_part_destroy(*compressor);
}

static sqfs_compressor_t *make(const char *method, struct compression *ret_compression)
{
    sqfs_compressor_t *compressor = NULL;
    CHECK_DONE(compression_parse(str_from(method), ret_compression, check_error));
    CHECK_DONE(compressor_make(ret_compression, BLOCK, &compressor, check_error));
    return compressor;
}

/* Each format's own library unpacks it; the length, or -1. */
static long unpack(enum compression_kind kind, const void *packed, size_t packed_bytes, void *bytes)
{
    uLongf length = BLOCK;
    uint64_t memory = UINT64_MAX;
    size_t in = 0, out = 0;
    switch (kind) {
    case COMPRESSION_GZIP:
        return uncompress(bytes, &length, packed, packed_bytes) == Z_OK ? (long)length : -1;
    case COMPRESSION_LZ4:
        return LZ4_decompress_safe(packed, bytes, (int)packed_bytes, BLOCK);
    case COMPRESSION_XZ:
        return lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, packed_bytes, bytes, &out,
                                         BLOCK) == LZMA_OK
                   ? (long)out
                   : -1;
    case COMPRESSION_ZSTD:
        break;
    }
    return (long)ZSTD_decompress(bytes, BLOCK, packed, packed_bytes);
}

/* Text, in which each method finds something. */
static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)("store path "[i % 11] + (i / 700) % 3);
}

static void what_is_packed_unpacks(struct arena arena)
{
    static const size_t sizes[] = { BLOCK, BLOCK - 1, 8192, 100 };
    uint8_t *bytes = arena_room(&arena, BLOCK), *packed = arena_room(&arena, BLOCK);
    uint8_t *back = arena_room(&arena, BLOCK);
    fill(bytes, BLOCK);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct compression compression;
        cleanup(release) sqfs_compressor_t *compressor = make(methods[i], &compression);
        for (size_t j = 0; compressor && j < 4; j++) {
            check_about("%s, %zu bytes", methods[i], sizes[j]);
            sqfs_s32 length =
                compressor->do_block(compressor, bytes, (sqfs_u32)sizes[j], packed, BLOCK);
            if (!CHECK(length > 0 && (size_t)length < sizes[j]))
                continue;
            CHECK_NUMBER(unpack(compression.kind, packed, (size_t)length, back), sizes[j]);
            CHECK(memcmp(bytes, back, sizes[j]) == 0);
        }
    }
}

static void what_would_not_be_smaller_is_not_packed(struct arena arena)
{
    uint8_t *bytes = arena_room(&arena, BLOCK), *packed = arena_room(&arena, 2 * BLOCK);
    check_noise(bytes, BLOCK, 0);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct compression compression;
        cleanup(release) sqfs_compressor_t *compressor = make(methods[i], &compression);
        check_about("%s", methods[i]);
        for (sqfs_u32 size = 1; compressor && size <= BLOCK; size = size * 5 + 1)
            CHECK_NUMBER(compressor->do_block(compressor, bytes, size, packed, 2 * BLOCK), 0);
    }
}

/* No room is the same as not smaller. */
static void what_does_not_fit_is_not_packed(struct arena arena)
{
    uint8_t *bytes = arena_room(&arena, BLOCK), *packed = arena_room(&arena, BLOCK);
    fill(bytes, BLOCK);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct compression compression;
        cleanup(release) sqfs_compressor_t *compressor = make(methods[i], &compression);
        check_about("%s", methods[i]);
        if (compressor)
            CHECK_NUMBER(compressor->do_block(compressor, bytes, BLOCK, packed, 20), 0);
    }
}

/* What a thread's copy packs does not depend on what it packed before. */
static void copies_make_the_same_bytes(struct arena arena)
{
    uint8_t *bytes = arena_room(&arena, BLOCK), *packed[2];
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct compression compression;
        cleanup(release) sqfs_compressor_t *first = make(methods[i], &compression);
        cleanup(release) sqfs_compressor_t *second = first ? sqfs_copy(first) : NULL;
        sqfs_s32 lengths[2];
        check_about("%s", methods[i]);
        if (!CHECK(second != NULL))
            continue;
        packed[0] = arena_room(&arena, BLOCK);
        packed[1] = arena_room(&arena, BLOCK);
        check_noise(bytes, BLOCK, 0);
        second->do_block(second, bytes, BLOCK, packed[1], BLOCK);
        fill(bytes, BLOCK);
        lengths[0] = first->do_block(first, bytes, BLOCK, packed[0], BLOCK);
        lengths[1] = second->do_block(second, bytes, BLOCK, packed[1], BLOCK);
        CHECK_NUMBER(lengths[0], lengths[1]);
        CHECK(memcmp(packed[0], packed[1], (size_t)lengths[0]) == 0);
    }
}

static void the_image_is_told_the_compressor(struct arena arena)
{
    (void)arena;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct compression compression;
        sqfs_compressor_config_t config = { 0 };
        cleanup(release) sqfs_compressor_t *compressor = make(methods[i], &compression);
        if (!compressor)
            continue;
        compressor->get_configuration(compressor, &config);
        check_about("%s", methods[i]);
        CHECK_NUMBER(config.id, compressor_id(&compression));
        CHECK_NUMBER(config.block_size, BLOCK);
        if (compression.kind == COMPRESSION_ZSTD)
            CHECK_NUMBER(config.level, compression.level);
        else if (compression.kind == COMPRESSION_GZIP)
            CHECK_NUMBER(config.level, compression.level > 9 ? 9 : compression.level);
        else if (compression.kind == COMPRESSION_LZ4)
            CHECK_NUMBER(config.flags & SQFS_COMP_FLAG_LZ4_HC, compression.level > 0);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_packed_unpacks), CASE(what_would_not_be_smaller_is_not_packed),
                     CASE(what_does_not_fit_is_not_packed), CASE(copies_make_the_same_bytes),
                     CASE(the_image_is_told_the_compressor));
}
