#include "builder/reader/image_kernel.h"

#include "tests/check.h"

#include <lzma.h>
#include <sqfs/compressor.h>
#include <zstd.h>

#include <string.h>

enum { BLOCK_BYTES = 1 << 17, ROOM = 2 * BLOCK_BYTES };

/* Linux 6.18 reads what is accepted here from an image with blocks of 128 KiB, and nothing else. */

static const char *a_text(struct arena *arena)
{
    char *text = arena_new(arena, char, BLOCK_BYTES);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        text[i] = (char)('a' + i * i % 23);
    return text;
}

static bool suits(uint16_t compression, struct str stream)
{
    const struct image_file file = { .super = { .compression = compression,
                                                .block_bytes = BLOCK_BYTES } };
    return image_kernel_reads(&file, stream);
}

/* Reads no byte after the end, which the sanitizer would see. */
static void check_parts(uint16_t compression, struct str stream, struct arena arena)
{
    for (size_t length = 0; length < 17; length++) {
        struct arena scratch = arena;
        char *part = arena_room(&scratch, length);
        memcpy(part, stream.data, length);
        CHECK(!suits(compression, (struct str){ part, length }));
    }
}

static struct str join(struct str left, struct str right, struct arena *arena)
{
    char *bytes = arena_room(arena, left.len + right.len);
    memcpy(bytes, left.data, left.len);
    memcpy(bytes + left.len, right.data, right.len);
    return (struct str){ bytes, left.len + right.len };
}

/* --- zstd -------------------------------------------------------------------------------------- */

/* With a window, the frame does not tell the size of its content. */
static struct str zstd_frame(int window_log, struct arena *arena)
{
    char *bytes = arena_room(arena, ROOM);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer in = { a_text(arena), BLOCK_BYTES, 0 };
    ZSTD_outBuffer out = { bytes, ROOM, 0 };
    if (window_log)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    if (window_log)
        CHECK(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush) == 0);
    CHECK(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
    ZSTD_freeCCtx(context);
    return (struct str){ bytes, out.pos };
}

static void one_zstd_frame_with_a_window_of_a_block_suits(struct arena arena)
{
    struct str skipped = STR("\x50\x2a\x4d\x18\x02\0\0\0ab");
    struct str frame = zstd_frame(0, &arena);
    CHECK(suits(SQFS_COMP_ZSTD, frame));
    CHECK(suits(SQFS_COMP_ZSTD, zstd_frame(17, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, zstd_frame(18, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, zstd_frame(27, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, join(frame, frame, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, join(frame, skipped, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, join(skipped, frame, &arena)));
    CHECK(!suits(SQFS_COMP_ZSTD, join(frame, STR("x"), &arena)));
    check_parts(SQFS_COMP_ZSTD, frame, arena);
    check_parts(SQFS_COMP_ZSTD, zstd_frame(17, &arena), arena);
}

/* --- xz ---------------------------------------------------------------------------------------- */

static struct str xz_stream(lzma_check check, lzma_vli before, uint32_t dictionary,
                            struct arena *arena)
{
    lzma_options_lzma options;
    lzma_options_delta delta = { .type = LZMA_DELTA_TYPE_BYTE, .dist = 1 };
    lzma_filter filters[] = { { before, before == LZMA_FILTER_DELTA ? &delta : NULL },
                              { LZMA_FILTER_LZMA2, &options },
                              { LZMA_VLI_UNKNOWN, NULL } };
    size_t size = 0;
    unsigned char *bytes = arena_room(arena, ROOM);
    CHECK(!lzma_lzma_preset(&options, 1));
    options.dict_size = dictionary;
    CHECK(lzma_stream_buffer_encode(filters + (before == 0), check, NULL,
                                    (const unsigned char *)a_text(arena), BLOCK_BYTES, bytes, &size,
                                    ROOM) == LZMA_OK);
    return (struct str){ (char *)bytes, size };
}

static bool xz_suits(lzma_check check, lzma_vli before, uint32_t dictionary, struct arena arena)
{
    return suits(SQFS_COMP_XZ, xz_stream(check, before, dictionary, &arena));
}

static void an_xz_stream_with_a_dictionary_of_a_block_suits(struct arena arena)
{
    CHECK(xz_suits(LZMA_CHECK_CRC32, 0, BLOCK_BYTES, arena));
    CHECK(xz_suits(LZMA_CHECK_NONE, 0, 3 << 15, arena));
    CHECK(xz_suits(LZMA_CHECK_CRC32, LZMA_FILTER_X86, BLOCK_BYTES, arena));
    CHECK(!xz_suits(LZMA_CHECK_CRC32, 0, 3 << 16, arena));
    CHECK(!xz_suits(LZMA_CHECK_CRC32, 0, 64 << 20, arena));
    CHECK(!xz_suits(LZMA_CHECK_CRC64, 0, BLOCK_BYTES, arena));
    CHECK(!xz_suits(LZMA_CHECK_SHA256, 0, BLOCK_BYTES, arena));
    CHECK(!xz_suits(LZMA_CHECK_CRC32, LZMA_FILTER_DELTA, BLOCK_BYTES, arena));
    check_parts(SQFS_COMP_XZ, xz_stream(LZMA_CHECK_CRC32, 0, BLOCK_BYTES, &arena), arena);
}

/* Its block header tells the sizes, of several bytes, before the filters. */
static void sizes_in_an_xz_block_are_skipped(void)
{
#define SIZES      \
    "\xfd"         \
    "7zXZ\0\0\x01" \
    "sum:"         \
    "\x05\xc0\x80\x01\x81\x82\x03\x21\x01"
    CHECK(suits(SQFS_COMP_XZ, STR(SIZES "\x0a")));
    CHECK(!suits(SQFS_COMP_XZ, STR(SIZES "\x0b")));
#undef SIZES
}

/* --- Others ------------------------------------------------------------------------------------ */

static void a_dictionary_of_the_options_is_the_limit(struct arena arena)
{
    struct image_file file = { .super = { .compression = SQFS_COMP_XZ,
                                          .block_bytes = BLOCK_BYTES } };
    struct str stream = xz_stream(LZMA_CHECK_CRC32, 0, 1 << 16, &arena);
    static const struct {
        uint64_t bytes;
        bool suits;
    } cases[] = { { 0, true }, { 1 << 15, false }, { 1 << 16, true }, { 1 << 30, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file.dictionary_bytes = cases[i].bytes;
        check_about("%zu", i);
        CHECK(image_kernel_reads(&file, stream) == cases[i].suits);
    }
    /* Without options, it is no less than a metadata block. */
    stream = xz_stream(LZMA_CHECK_CRC32, 0, 1 << 13, &arena);
    file.super.block_bytes = 1 << 12;
    file.dictionary_bytes = 1 << 12;
    CHECK(!image_kernel_reads(&file, stream));
    file.dictionary_bytes = 0;
    CHECK(image_kernel_reads(&file, stream));
}

static void gzip_and_lz4_are_left_to_their_libraries(void)
{
    CHECK(suits(SQFS_COMP_GZIP, STR("anything")) && suits(SQFS_COMP_LZ4, STR("")));
}

int main(void)
{
    return CHECK_ALL(CASE(one_zstd_frame_with_a_window_of_a_block_suits),
                     CASE(an_xz_stream_with_a_dictionary_of_a_block_suits),
                     CASE(sizes_in_an_xz_block_are_skipped),
                     CASE(a_dictionary_of_the_options_is_the_limit),
                     CASE(gzip_and_lz4_are_left_to_their_libraries));
}
