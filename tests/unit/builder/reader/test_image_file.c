#include "schema/base/little_endian.h"
#include "tests/check_image.h"
#include "tests/check_libraries.h"

#include <string.h>

enum { LZMA = 2, LZO = 3 };

/* That of an image of 4096 bytes whose tables are all empty and at byte 96. */
static void fill_super(unsigned char *bytes)
{
    static const unsigned char start[] = {
        'h', 's', 'q', 's', [13] = 0x10, [20] = 1, [22] = 12, [28] = 4, [41] = 0x10
    };
    memset(bytes, 0, 4096);
    memcpy(bytes, start, sizeof start);
    for (size_t i = 0; i < 6; i++)
        bytes[48 + 8 * i] = 96;
    memset(bytes + 56, 0xff, 8); /* no extended attributes */
}

static bool open_place(int fd, uint64_t offset, uint64_t size_bytes, struct image_file *ret_file)
{
    static struct image_budget budget;
    struct image_place place = {
        .fd = fd, .offset = offset, .size_bytes = size_bytes, .budget = &budget
    };
    budget = image_budget_make(0);
    return image_file_open(&place, NULL, ret_file, check_error);
}

static bool open_bytes(const unsigned char *bytes, uint64_t offset, uint64_t size_bytes,
                       struct image_file *ret_file)
{
    cleanup(own_close) int fd = check_image_memory(bytes, 4096);
    return open_place(fd, offset, size_bytes, ret_file);
}

static void a_super_block_is_read(void)
{
    struct image_file file = { 0 };
    unsigned char bytes[4096];
    fill_super(bytes);
    CHECK_DONE(open_bytes(bytes, 0, 0, &file));
    CHECK_NUMBER(file.size_bytes, 4096);
    CHECK_NUMBER(file.super.block_bytes, 4096);
    CHECK_NUMBER(file.super.used_bytes, 4096);
    CHECK_STR(file.compression_name, "gzip");
    CHECK_NUMBER(file.super.attribute_table, IMAGE_NO_TABLE);
}

static void a_number_that_cannot_be_is_refused(void)
{
    static const struct {
        size_t at;
        unsigned char byte;
        const char *sentence;
    } rows[] = {
        { 0, 'H', "it is not a squashfs image" },
        { 28, 3, "it has squashfs version 3.0; only 4.0 is supported" },
        { 30, 1, "it has squashfs version 4.1; only 4.0 is supported" },
        { 22, 11, "damaged super block: blocks of 4096 bytes, which is not 2^11" },
        { 12, 1, "damaged super block: blocks of 4097 bytes, which is not 2^12" },
        { 20, 0, "damaged super block: unknown compression 0" },
        { 20, 7, "damaged super block: unknown compression 7" },
        { 20, LZMA, "its compression lzma is not supported; gzip, lz4, xz and zstd are" },
        { 20, LZO, "its compression lzo is not supported; gzip, lz4, xz and zstd are" },
        { 42, 1, "it is cut off: it has 4096 bytes, expected 69632" },
        { 41, 0, "it is cut off: it has 4096 bytes, expected 0" },
        { 64, 95, "damaged super block: a table at byte 95" },
        { 72, 95, "damaged super block: a table at byte 95" },
        { 49, 0x20, "damaged super block: a table at byte 8288" },
        { 65, 1, "damaged super block: a table at byte 96" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image_file file = { .fd = 77 };
        unsigned char bytes[4096];
        fill_super(bytes);
        bytes[rows[i].at] = rows[i].byte;
        check_about("byte %zu", rows[i].at);
        CHECK_REFUSED(open_bytes(bytes, 0, 0, &file), rows[i].sentence);
        CHECK_NUMBER(file.fd, 77);
    }
}

/* Those of fragments, exports and attributes may be missing. */
static void only_some_tables_may_be_missing(void)
{
    enum { TABLES = 48, COUNT = 6 };
    static const bool may_be_missing[COUNT] = { false, true, false, false, true, true };
    for (size_t i = 0; i < COUNT; i++) {
        struct image_file file = { .fd = 77 };
        unsigned char bytes[4096];
        fill_super(bytes);
        memset(bytes + TABLES + 8 * i, 0xff, 8);
        check_about("table %zu", i);
        bool done = open_bytes(bytes, 0, 0, &file);
        if (may_be_missing[i])
            CHECK_DONE(done);
        else
            CHECK_REFUSED(done, "damaged super block: a table at byte 18446744073709551615");
    }
}

static void an_image_is_where_it_is_said_to_be(void)
{
    struct image_file file = { 0 };
    unsigned char bytes[8192] = { 0 };
    fill_super(bytes + 4096);
    cleanup(own_close) int fd = check_image_memory(bytes, sizeof bytes);
    CHECK_DONE(open_place(fd, 4096, 0, &file));
    CHECK_NUMBER(file.size_bytes, 4096);
    CHECK_REFUSED(open_place(fd, 4096, 4095, &file),
                  "it is cut off: it has 4095 bytes, expected 4096");
    CHECK_REFUSED(open_place(fd, 8192 - 95, 0, &file),
                  "it is not a squashfs image: it has only 95 bytes");
    CHECK_REFUSED(open_place(fd, 1 << 20, 0, &file),
                  "it is not a squashfs image: it has only 0 bytes");
    CHECK_REFUSED(open_place(check_directory(), 0, 0, &file), "it is not a file");
}

static void nothing_outside_is_read(void)
{
    char bytes[8];
    cleanup(own_close) int fd = check_image_memory("12345678", 8);
    struct image_file file = check_image_of(fd, 6);
    CHECK_DONE(image_file_read(&file, 2, bytes, 4, check_error));
    CHECK(memcmp(bytes, "3456", 4) == 0);
    CHECK_DONE(image_file_read(&file, 6, bytes, 0, check_error));
    CHECK_REFUSED(image_file_read(&file, 2, bytes, 5, check_error),
                  "it is cut off: byte 7 is not there");
    CHECK_REFUSED(image_file_read(&file, 7, bytes, 0, check_error),
                  "it is cut off: byte 7 is not there");
    file.size_bytes = 16;
    CHECK_REFUSED(image_file_read(&file, 4, bytes, 8, check_error), "it changed while it was read");
}

static void numbers_are_little_endian(void)
{
    static const unsigned char bytes[] = { 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x81 };
    CHECK_NUMBER(little_16(bytes), 0xcdef);
    CHECK(little_32(bytes) == 0x89abcdef);
    CHECK(little_64(bytes) == 0x8123456789abcdef);
}

struct place {
    int fd;
    uint64_t verity_bytes;
};

static bool open_failing(void *context)
{
    const struct place *place = context;
    struct image_file file;
    return open_place(place->fd, 0, 0, &file) &&
           CHECK_NUMBER(file.verity_bytes, place->verity_bytes);
}

/* Verity data is on the page behind the image, or on the one after it; elsewhere, or cut off, it is none. */
static void verity_data_is_on_one_of_two_pages(void)
{
    enum { PAGE = 4096, PAGES = 4 };
    static const uint64_t wanted[PAGES + 1] = { [1] = 3 * PAGE, [2] = 2 * PAGE };
    for (size_t at = 1; at <= PAGES; at++) {
        static unsigned char bytes[PAGES * PAGE];
        memset(bytes, 0, sizeof bytes);
        fill_super(bytes);
        if (at < PAGES)
            memcpy(bytes + at * PAGE, "verity\0", 8);
        cleanup(own_close) int fd = check_image_memory(bytes, sizeof bytes);
        struct place place = { fd, wanted[at] };
        check_about("page %zu", at);
        CHECK(check_each(CHECK_CALLS, open_failing, &place) >= 2);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_super_block_is_read), CASE(a_number_that_cannot_be_is_refused),
                     CASE(only_some_tables_may_be_missing),
                     CASE(an_image_is_where_it_is_said_to_be), CASE(nothing_outside_is_read),
                     CASE(numbers_are_little_endian), CASE(verity_data_is_on_one_of_two_pages));
}
