#include "tests/check.h"
#include "tests/check_libraries.h"

#include "builder/ramdisk/unpacker.h"
#include "schema/base/file.h"
#include "schema/base/own.h"

#include <archive_entry.h>
#include <lz4.h>

#include <string.h>
#include <sys/mman.h>

enum { BEFORE_BYTES = 5, TEXT_BYTES = 200000 };

/* What follows a stream. It begins with no number that lz4 takes for a block's size. */
#define BEHIND "070701 and so on"

static char text[TEXT_BYTES];

/* In lz4's legacy format, which no library writes: a number, then blocks, each behind its size. */
static size_t pack_lz4(char *packed, size_t room)
{
    static const char magic[] = "\x02\x21\x4c\x18";
    int size = LZ4_compress_default(text, packed + 8, TEXT_BYTES, (int)room - 8);
    memcpy(packed, magic, 4);
    for (int i = 0; i < 4; i++)
        packed[4 + i] = (char)(size >> (8 * i));
    return 8 + (size_t)size;
}

static size_t pack(enum packing packing, char *packed, size_t room)
{
    size_t used = 0;
    if (packing == PACKING_LZ4)
        return pack_lz4(packed, room);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    CHECK((packing == PACKING_GZIP    ? archive_write_add_filter_gzip(archive)
           : packing == PACKING_BZIP2 ? archive_write_add_filter_bzip2(archive)
           : packing == PACKING_LZMA  ? archive_write_add_filter_lzma(archive)
           : packing == PACKING_XZ    ? archive_write_add_filter_xz(archive)
                                      : archive_write_add_filter_zstd(archive)) == ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_entry_set_filetype(entry, AE_IFREG);
    CHECK(archive_write_open_memory(archive, packed, room, &used) == ARCHIVE_OK &&
          archive_write_header(archive, entry) == ARCHIVE_OK &&
          archive_write_data(archive, text, TEXT_BYTES) == TEXT_BYTES &&
          archive_write_close(archive) == ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(archive);
    return used;
}

static const enum packing packings[] = {
    PACKING_BZIP2, PACKING_GZIP, PACKING_LZ4, PACKING_LZMA, PACKING_XZ, PACKING_ZSTD,
};

static void fill_text(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i / 977);
}

/* A file with the stream, BEFORE_BYTES in front of it and `behind` behind. */
static int make_stream(enum packing packing, const char *behind, size_t *ret_bytes)
{
    static char packed[2 * TEXT_BYTES];
    int fd = memfd_create("stream", MFD_CLOEXEC);
    *ret_bytes = pack(packing, packed, sizeof packed);
    CHECK(*ret_bytes > 0);
    CHECK_DONE(file_write((struct file){ fd, "stream" }, "12345", BEFORE_BYTES, check_error) &&
               file_write((struct file){ fd, "stream" }, packed, *ret_bytes, check_error) &&
               file_write((struct file){ fd, "stream" }, behind, strlen(behind), check_error));
    return fd;
}

/* Reads the stream in pieces; the number of bytes that are as they were. */
static bool read_all(struct unpacker *unpacker, int fd, size_t piece_bytes, size_t *ret_bytes)
{
    static char bytes[UNPACKER_READ_BYTES];
    size_t got = 0, count = 0;
    if (!unpacker_open(unpacker, (struct file){ fd, "stream" }, BEFORE_BYTES, check_error))
        return false;
    do {
        if (!unpacker_read(unpacker, bytes, piece_bytes, &got, check_error))
            return false;
        CHECK(count + got <= sizeof text && memcmp(text + count, bytes, got) == 0);
        count += got;
    } while (got > 0);
    *ret_bytes = count;
    return true;
}

static void a_stream_is_unpacked_up_to_its_end(struct arena arena)
{
    fill_text();
    (void)arena;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
        for (size_t piece_bytes = 7; piece_bytes <= UNPACKER_READ_BYTES; piece_bytes += 65529) {
            size_t packed_bytes, count = 0;
            const char *behind = packings[i] == PACKING_LZ4 ? "" : BEHIND;
            cleanup(own_close) int fd = make_stream(packings[i], behind, &packed_bytes);
            cleanup(unpacker_close) struct unpacker unpacker;
            check_about("packing %d", (int)packings[i]);
            CHECK_DONE(read_all(&unpacker, fd, piece_bytes, &count));
            CHECK_NUMBER(unpacker.packing, packings[i]);
            CHECK_NUMBER(count, TEXT_BYTES);
            CHECK_NUMBER(unpacker_end(&unpacker), BEFORE_BYTES + packed_bytes);
        }
}

/* The kernel takes it for an archive then. */
static void what_is_compressed_twice_is_unpacked_once(struct arena arena)
{
    static char inner[2 * TEXT_BYTES];
    (void)arena;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        size_t packed_bytes, count = 0;
        check_about("packing %d", (int)packings[i]);
        fill_text();
        size_t inner_bytes = pack(packings[i], inner, sizeof inner);
        memset(text, 0, sizeof text);
        memcpy(text, inner, inner_bytes < sizeof text ? inner_bytes : sizeof text);
        cleanup(own_close) int fd = make_stream(packings[i], "", &packed_bytes);
        cleanup(unpacker_close) struct unpacker unpacker;
        CHECK_DONE(read_all(&unpacker, fd, UNPACKER_READ_BYTES, &count));
        CHECK_NUMBER(count, TEXT_BYTES);
    }
}

static void a_stream_that_is_cut_off_is_refused(struct arena arena)
{
    fill_text();
    (void)arena;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        size_t packed_bytes, count = 0;
        cleanup(own_close) int fd = make_stream(packings[i], "", &packed_bytes);
        cleanup(unpacker_close) struct unpacker unpacker;
        check_about("packing %d", (int)packings[i]);
        CHECK(ftruncate(fd, (off_t)(BEFORE_BYTES + packed_bytes / 2)) == 0);
        CHECK(!read_all(&unpacker, fd, sizeof text / 4, &count));
        CHECK(check_error->sentence[0] != '\0');
    }
}

/* The others have no checksum, or libarchive does not look at it. */
static void a_damaged_stream_is_refused(struct arena arena)
{
    fill_text();
    static const enum packing checked[] = { PACKING_BZIP2, PACKING_XZ };
    static const char damage[64] = { 0 };
    static char bytes[UNPACKER_READ_BYTES];
    (void)arena;
    for (size_t i = 0; i < sizeof checked / sizeof *checked; i++) {
        size_t packed_bytes, got = 1;
        cleanup(own_close) int fd = make_stream(checked[i], "", &packed_bytes);
        cleanup(unpacker_close) struct unpacker unpacker;
        check_about("packing %d", (int)checked[i]);
        CHECK(pwrite(fd, damage, sizeof damage, (off_t)(BEFORE_BYTES + packed_bytes / 2)) ==
              (ssize_t)sizeof damage);
        bool good =
            unpacker_open(&unpacker, (struct file){ fd, "stream" }, BEFORE_BYTES, check_error);
        while (good && got > 0)
            good = unpacker_read(&unpacker, bytes, sizeof bytes, &got, check_error);
        CHECK(!good);
    }
}

static void what_is_not_compressed_is_refused(struct arena arena)
{
    (void)arena;
    static const struct {
        const char *bytes, *sentence;
    } cases[] = {
        { "12345what", "it is neither a cpio archive nor compressed as the kernel knows it" },
        { "12345\x89LZOP is not its magic", "it is damaged" },
        { "12345\x89LZO", "it ends within a compressed stream" },
        { "12345x", "it is neither a cpio archive nor compressed as the kernel knows it" },
        { "12345", "it is neither a cpio archive nor compressed as the kernel knows it" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup(own_close) int fd = memfd_create("stream", MFD_CLOEXEC);
        cleanup(unpacker_close) struct unpacker unpacker;
        CHECK_DONE(file_write((struct file){ fd, "stream" }, cases[i].bytes, strlen(cases[i].bytes),
                              check_error));
        CHECK_REFUSED(
            unpacker_open(&unpacker, (struct file){ fd, "stream" }, BEFORE_BYTES, check_error),
            cases[i].sentence);
    }
}

struct stream {
    int fd;
};

static bool read_failing(void *context)
{
    const struct stream *stream = context;
    size_t count;
    cleanup(unpacker_close) struct unpacker unpacker;
    return read_all(&unpacker, stream->fd, UNPACKER_READ_BYTES, &count);
}

/* Allocations of libarchive are not tried: at one of bzip2's, libarchive 3.6.2 crashes. */
static void whatever_fails_in_a_library_is_a_sentence(struct arena arena)
{
    fill_text();
    (void)arena;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        size_t packed_bytes;
        cleanup(own_close) int fd = make_stream(packings[i], "", &packed_bytes);
        struct stream stream = { fd };
        CHECK(check_each(CHECK_LIBRARIES, read_failing, &stream) >= 2);
        if (packings[i] >= PACKING_LZMA)
            check_each(CHECK_ALLOCATIONS, read_failing, &stream);
        CHECK(check_each(CHECK_CALLS, read_failing, &stream) >= 2);
    }
}

/* A stream as lzop writes it: its numbers begin with the highest byte. */
struct lzop {
    char bytes[512];
    size_t size;
};

static void put(struct lzop *lzop, const char *bytes, size_t size)
{
    memcpy(lzop->bytes + lzop->size, bytes, size);
    lzop->size += size;
}

static void put_number(struct lzop *lzop, size_t bytes, uint32_t number)
{
    while (bytes-- > 0)
        lzop->bytes[lzop->size++] = (char)(number >> 8 * bytes);
}

static void put_head(struct lzop *lzop, uint32_t version, bool has_filter)
{
    static const char zeros[16];
    put(lzop, "12345\x89LZO\0\r\n\x1a\n", BEFORE_BYTES + 9);
    put_number(lzop, 2, version);
    put(lzop, zeros, version >= 0x0940 ? 6 : 5);
    put_number(lzop, 4, has_filter ? 0x800 : 0);
    put(lzop, zeros, has_filter ? 4 : 0);
    put(lzop, zeros, version >= 0x0940 ? 12 : 8);
    put(lzop, "\4name....", 9);
}

static void put_block(struct lzop *lzop, uint32_t bytes, const char *packed, size_t packed_bytes)
{
    put_number(lzop, 4, bytes);
    put_number(lzop, 4, (uint32_t)packed_bytes);
    put(lzop, "sum.", 4);
    put(lzop, packed, packed_bytes);
}

/* 38 bytes, packed into 12. */
#define PACKED   "\x15wxyz\x20\x01\0\0\x11\0\0"
#define UNPACKED "wxyzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
enum { PACKED_BYTES = 12 };

static bool read_lzop(const struct lzop *lzop, size_t size)
{
    size_t count = 0;
    cleanup(own_close) int fd = memfd_create("stream", MFD_CLOEXEC);
    cleanup(unpacker_close) struct unpacker unpacker;
    CHECK(pwrite(fd, lzop->bytes, size, 0) == (ssize_t)size);
    return read_all(&unpacker, fd, 7, &count) &&
           CHECK_NUMBER(count, strlen(UNPACKED) + strlen("stored"));
}

static void what_lzop_writes_is_unpacked_and_what_ends_early_is_refused(struct arena arena)
{
    (void)arena;
    memcpy(text, UNPACKED "stored", sizeof UNPACKED "stored");
    for (int i = 0; i < 4; i++) {
        struct lzop lzop = { .size = 0 };
        put_head(&lzop, i % 2 == 0 ? 0x1030 : 0x0900, i >= 2);
        put_block(&lzop, (uint32_t)strlen(UNPACKED), PACKED, PACKED_BYTES);
        put_block(&lzop, 6, "stored", 6);
        put_number(&lzop, 4, 0);
        check_about("head %d", i);
        CHECK_DONE(read_lzop(&lzop, lzop.size));
        for (size_t size = BEFORE_BYTES + 2; i % 3 == 0 && size < lzop.size; size++)
            CHECK_REFUSED(read_lzop(&lzop, size), "it ends within a compressed stream");
    }
}

static void a_block_of_lzop_that_cannot_be_is_refused(struct arena arena)
{
    static const struct {
        uint32_t bytes;
        const char *packed;
        size_t packed_bytes;
    } rows[] = {
        { (256 << 10) + 1, "", 0 },
        { 5, "123456", 6 },
        { 37, PACKED, PACKED_BYTES },
        { 38, "\xff\xff\xff\xff", 4 },
    };
    (void)arena;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lzop lzop = { .size = 0 };
        put_head(&lzop, 0x1030, false);
        put_block(&lzop, rows[i].bytes, rows[i].packed, rows[i].packed_bytes);
        check_about("row %zu", i);
        CHECK_REFUSED(read_lzop(&lzop, lzop.size), "it is damaged");
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_stream_is_unpacked_up_to_its_end), CASE(what_is_compressed_twice_is_unpacked_once),
        CASE(a_stream_that_is_cut_off_is_refused), CASE(a_damaged_stream_is_refused),
        CASE(what_is_not_compressed_is_refused), CASE(whatever_fails_in_a_library_is_a_sentence),
        CASE(what_lzop_writes_is_unpacked_and_what_ends_early_is_refused),
        CASE(a_block_of_lzop_that_cannot_be_is_refused));
}
