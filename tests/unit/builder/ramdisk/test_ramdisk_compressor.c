#include "tests/check.h"
#include "tests/check_libraries.h"

#include "builder/ramdisk/ramdisk_compressor.h"
#include "schema/base/own.h"

#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

enum { PIECE = 1 << 20, PREFIX = 8 };

static const char *const methods[] = { "gzip:1", "xz:0", "zstd:1" };

static void names_and_levels_are_the_kernels(void)
{
    static const struct {
        const char *text;
        bool is_right;
    } rows[] = {
        { "gzip:1", true },   { "gzip:9", true },  { "gzip:10", false }, { "xz:0", true },
        { "xz:9", true },     { "xz:10", false },  { "zstd:1", true },   { "zstd:19", true },
        { "zstd:20", false }, { "zstd:0", false }, { "lz4", false },     { "", false },
        { "bzip2", false },   { "zstd:", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ramdisk_compression compression = { 0 };
        char sentence[160];
        snprintf(
            sentence, sizeof sentence,
            "'%s' is no compression of a ramdisk; known are gzip (1 to 9), xz (0 to 9), zstd (1 to 19) and none",
            rows[i].text);
        check_about("%s", rows[i].text);
        bool done = ramdisk_compression_parse(str_from(rows[i].text), &compression, check_error);
        if (rows[i].is_right)
            CHECK_DONE(done && compression.is_on);
        else
            CHECK_REFUSED(done, (const char *)sentence);
    }
    struct ramdisk_compression none = { .is_on = true };
    CHECK_DONE(ramdisk_compression_parse(STR("none"), &none, check_error));
    CHECK(!none.is_on);
}

static void fill(char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)((i * i >> 7) % 251 + i % 7);
}

/* A gzip member, an xz stream or a zstd frame, unpacked by its own library, is all of the text; and
 * nothing stands behind it, where the kernel would look for another archive. */
static bool unpacks_to(enum compression_kind kind, const char *packed, size_t packed_bytes,
                       const char *bytes, size_t size, struct arena scratch)
{
    char *back = arena_room(&scratch, size + 1);
    size_t in = 0, out = 0;
    uint64_t memory = UINT64_MAX;
    z_stream stream = { .next_in = (Bytef *)packed,
                        .avail_in = (uInt)packed_bytes,
                        .next_out = (Bytef *)back,
                        .avail_out = (uInt)size + 1 };
    switch (kind) {
    case COMPRESSION_GZIP:
        inflateInit2(&stream, MAX_WBITS + 16);
        in = inflate(&stream, Z_FINISH) == Z_STREAM_END ? packed_bytes - stream.avail_in : 0;
        out = stream.total_out;
        inflateEnd(&stream);
        break;
    case COMPRESSION_XZ:
        if (lzma_stream_buffer_decode(&memory, 0, NULL, (const uint8_t *)packed, &in, packed_bytes,
                                      (uint8_t *)back, &out, size + 1) != LZMA_OK)
            return false;
        break;
    case COMPRESSION_LZ4:
    case COMPRESSION_ZSTD:
        in = ZSTD_findFrameCompressedSize(packed, packed_bytes);
        out = ZSTD_decompress(back, size + 1, packed, packed_bytes);
        break;
    }
    return in == packed_bytes && out == size && memcmp(back, bytes, size) == 0;
}

/* The compressed archive, which stands behind PREFIX bytes of another. */
static struct str compress_text(const struct ramdisk_compression *compression, unsigned jobs,
                                const char *bytes, size_t size, struct arena *arena)
{
    struct str all = STR("");
    cleanup(own_close) int source = memfd_create("archive", MFD_CLOEXEC);
    cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
    struct ramdisk archive = { .fd = source, .size_bytes = size };
    struct ramdisk ramdisk = { .fd = target, .size_bytes = PREFIX };
    CHECK_DONE(file_write((struct file){ source, "archive" }, bytes, size, check_error));
    CHECK(pwrite(target, "12345678", PREFIX, 0) == PREFIX);
    CHECK_DONE(ramdisk_compress(compression, &(struct crew){ .jobs = jobs }, &archive, &ramdisk,
                                *arena, check_error));
    CHECK_DONE(file_read_fd((struct file){ target, "ramdisk" }, (size_t)1 << 30, arena, &all,
                            check_error));
    CHECK_NUMBER(all.len, ramdisk.size_bytes);
    CHECK(str_starts(all, STR("12345678")));
    return str_skip(all, PREFIX);
}

static void archives_around_a_piece_unpack(struct arena arena)
{
    static const size_t sizes[] = { 1, 100, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5 };
    char *bytes = arena_room(&arena, 4 * PIECE);
    fill(bytes, 4 * PIECE);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct ramdisk_compression compression;
        CHECK_DONE(ramdisk_compression_parse(str_from(methods[i]), &compression, check_error));
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            struct arena scratch = arena;
            check_about("%s, %zu bytes", methods[i], sizes[j]);
            struct str packed = compress_text(&compression, 2, bytes, sizes[j], &scratch);
            CHECK(unpacks_to(compression.kind, packed.data, packed.len, bytes, sizes[j], scratch));
        }
    }
}

static void threads_do_not_show(struct arena arena)
{
    enum { SIZE = 6 * PIECE + 77 };
    char *bytes = arena_room(&arena, SIZE);
    fill(bytes, SIZE);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct ramdisk_compression compression;
        struct arena scratch = arena;
        CHECK_DONE(ramdisk_compression_parse(str_from(methods[i]), &compression, check_error));
        struct str one = compress_text(&compression, 1, bytes, SIZE, &scratch);
        check_about("%s", methods[i]);
        CHECK(str_equal(compress_text(&compression, 3, bytes, SIZE, &scratch), one));
    }
}

static void an_archive_that_became_shorter_is_refused(struct arena arena)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct ramdisk_compression compression;
        cleanup(own_close) int source = memfd_create("archive", MFD_CLOEXEC);
        cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
        struct ramdisk archive = { .fd = source, .size_bytes = 10 };
        struct ramdisk ramdisk = { .fd = target };
        CHECK_DONE(ramdisk_compression_parse(str_from(methods[i]), &compression, check_error));
        check_about("%s", methods[i]);
        CHECK_REFUSED(ramdisk_compress(&compression, &(struct crew){ .jobs = 2 }, &archive,
                                       &ramdisk, arena, check_error),
                      "the ramdisk changed while it was read");
    }
}

static void a_full_disk_is_told(struct arena arena)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct ramdisk_compression compression;
        cleanup(own_close) int source = memfd_create("archive", MFD_CLOEXEC);
        cleanup(own_close) int target = open("/dev/full", O_WRONLY | O_CLOEXEC);
        struct ramdisk archive = { .fd = source, .size_bytes = 10 };
        struct ramdisk ramdisk = { .fd = target };
        CHECK(write(source, "0123456789", 10) == 10);
        CHECK_DONE(ramdisk_compression_parse(str_from(methods[i]), &compression, check_error));
        check_about("%s", methods[i]);
        CHECK_REFUSED(ramdisk_compress(&compression, &(struct crew){ .jobs = 2 }, &archive,
                                       &ramdisk, arena, check_error),
                      "write the ramdisk: No space left on device");
    }
}

struct failing {
    struct ramdisk_compression compression;
    struct ramdisk archive;
    struct arena arena;
};

static bool compress_failing(void *context)
{
    struct failing *failing = context;
    cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
    struct ramdisk ramdisk = { .fd = target };
    return ramdisk_compress(&failing->compression, &(struct crew){ .jobs = 1 }, &failing->archive,
                            &ramdisk, failing->arena, check_error);
}

/* Allocations of libzstd's threads are not tried: at some, libzstd 1.5.4 crashes. */
static void whatever_fails_in_a_library_is_a_sentence(struct arena arena)
{
    char *bytes = arena_room(&arena, PIECE + 1);
    cleanup(own_close) int source = memfd_create("archive", MFD_CLOEXEC);
    struct failing failing = { .archive = { .fd = source, .size_bytes = PIECE + 1 },
                               .arena = arena };
    fill(bytes, PIECE + 1);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        CHECK_DONE(
            ramdisk_compression_parse(str_from(methods[i]), &failing.compression, check_error));
        /* What was read is given back to the disk. */
        CHECK(pwrite(source, bytes, PIECE + 1, 0) == PIECE + 1);
        CHECK(check_each(CHECK_LIBRARIES, compress_failing, &failing) >= 3);
        if (failing.compression.kind != COMPRESSION_ZSTD)
            check_each(CHECK_ALLOCATIONS, compress_failing, &failing);
        CHECK(check_each(CHECK_CALLS, compress_failing, &failing) >= 3);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(names_and_levels_are_the_kernels), CASE(archives_around_a_piece_unpack),
                     CASE(threads_do_not_show), CASE(an_archive_that_became_shorter_is_refused),
                     CASE(a_full_disk_is_told), CASE(whatever_fails_in_a_library_is_a_sentence));
}
