#include "builder/ramdisk/newc.h"
#include "tests/check.h"

#include <string.h>

static void a_header_is_that_of_the_kernels_page(void)
{
    static const char wanted[] = "070701"
                                 "00000007" /* inode */
                                 "000081a4" /* mode */
                                 "00000000"
                                 "00000000"
                                 "00000001" /* links */
                                 "00000001" /* time */
                                 "0000abcd" /* size */
                                 "00000000"
                                 "00000000"
                                 "00000000"
                                 "00000000"
                                 "00000005" /* name */
                                 "00000000"
                                 "init";
    struct newc_member member = { "init", 0100644, 7, 0xabcd, 5 };
    char prefix[NEWC_PREFIX_MAX];
    size_t bytes = 0;
    CHECK_DONE(newc_format(&member, prefix, &bytes, check_error));
    CHECK_NUMBER(bytes, 116);
    CHECK_STR(((struct str){ prefix, sizeof wanted - 1 }), wanted);
    CHECK(prefix[sizeof wanted - 1] == 0 && prefix[115] == 0);
}

static void the_trailer_ends_an_archive(void)
{
    char prefix[NEWC_PREFIX_MAX];
    CHECK_NUMBER(newc_format_trailer(prefix), 124);
    CHECK_STR(prefix + NEWC_HEADER_BYTES, "TRAILER!!!");
    CHECK(newc_ends_with_header(prefix, 124, NEWC_TRAILER_NAME, 0));
}

static void a_name_is_filled_up_to_the_boundary(void)
{
    static const struct {
        const char *name;
        uint64_t offset;
        size_t boundary, bytes;
    } names[] = {
        { "init", 0, 4, 5 },       /* no NULs but the one: the header is padded */
        { "abc", 0, 4, 4 },        /* 114 and 2 of padding */
        { "init", 0, 4096, 3986 }, /* 4096 - 110 */
        { "init", 4096 - 116, 4096, 5 },
        { "init", 4096 - 112, 4096, 0 }, /* a page and two bytes more are too long for a name */
        { "init", (uint64_t)1 << 40, 4096, 3986 },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_about("%s at %llu", names[i].name, (unsigned long long)names[i].offset);
        CHECK_NUMBER(newc_name_bytes(names[i].name, names[i].offset, names[i].boundary),
                     names[i].bytes);
    }
}

static void data_begins_on_the_boundary_from_everywhere(void)
{
    char prefix[NEWC_PREFIX_MAX];
    for (uint64_t offset = 0; offset < 8192; offset += 4) {
        struct newc_member member = { .name = "nix-store.squashfs", .mode = 0100444, .inode = 1 };
        size_t bytes = 0;
        member.name_bytes = newc_name_bytes(member.name, offset, 4096);
        if (member.name_bytes == 0)
            continue;
        CHECK_DONE(newc_format(&member, prefix, &bytes, check_error));
        if (!CHECK_NUMBER((offset + bytes) % 4096, 0) ||
            !CHECK(newc_ends_with_header(prefix, bytes, member.name, 0)))
            return;
    }
}

static void four_gibibytes_are_too_much(void)
{
    struct newc_member member = { "image", 0100444, 1, (uint64_t)1 << 32, 6 };
    char prefix[NEWC_PREFIX_MAX];
    size_t bytes = 0;
    CHECK_DONE(newc_check_size("image", UINT32_MAX, check_error));
    CHECK_REFUSED(newc_check_size("image", member.size_bytes, check_error),
                  "image has 4294967296 bytes: a ramdisk cannot hold a file of 4 GiB or more");
    CHECK_REFUSED(newc_format(&member, prefix, &bytes, check_error),
                  "image has 4294967296 bytes: a ramdisk cannot hold a file of 4 GiB or more");
    CHECK_NUMBER(bytes, 0);
}

static void a_header_is_found_only_as_it_is(void)
{
    char bytes[NEWC_PREFIX_MAX + 16] = "0707010x0707";
    size_t count = 0;
    struct newc_member member = { "image", 0100444, 1, 4096, 6 };
    CHECK_DONE(newc_format(&member, bytes + 12, &count, check_error));
    CHECK_NUMBER(count, 116);
    CHECK(newc_ends_with_header(bytes, 12 + count, "image", 4096));
    CHECK(newc_ends_with_header(bytes + 12, count, "image", 4096));
    CHECK(!newc_ends_with_header(bytes, 12 + count, "image", 4097));
    CHECK(!newc_ends_with_header(bytes, 12 + count, "imagf", 4096));
    CHECK(!newc_ends_with_header(bytes, 12 + count, "ima", 4096));
    CHECK(!newc_ends_with_header(bytes, 12 + count - 4, "image", 4096));
    CHECK(!newc_ends_with_header(bytes + 13, count - 1, "image", 4096));
    CHECK(!newc_ends_with_header(bytes, 0, "image", 4096));
    bytes[12 + 6 + 8 * 6] = 'g'; /* the size is no number */
    CHECK(!newc_ends_with_header(bytes, 12 + count, "image", 4096));
}

static void capitals_are_digits_too(void)
{
    char bytes[NEWC_PREFIX_MAX];
    size_t count = 0;
    struct newc_member member = { "image", 0100444, 1, 0xab000, 6 };
    CHECK_DONE(newc_format(&member, bytes, &count, check_error));
    memcpy(bytes + 6 + 8 * 6, "000AB000", 8);
    CHECK(newc_ends_with_header(bytes, count, "image", 0xab000));
}

static void a_number_within_a_name_is_no_header(void)
{
    struct newc_member member = { "x-070701-0707010", 0100444, 1, 8, 17 };
    char bytes[NEWC_PREFIX_MAX];
    size_t count = 0;
    CHECK_DONE(newc_format(&member, bytes, &count, check_error));
    CHECK(newc_ends_with_header(bytes, count, member.name, 8));
}

static void a_header_is_read_as_it_was_written(void)
{
    char prefix[NEWC_PREFIX_MAX];
    size_t bytes;
    struct newc_header header = { 0 };
    struct newc_member member = {
        .name = "a", .mode = 0100644, .inode = 7, .size_bytes = UINT32_MAX, .name_bytes = 2
    };
    CHECK_DONE(newc_format(&member, prefix, &bytes, check_error));
    CHECK(newc_parse(prefix, &header) && header.mode == 0100644 && header.name_bytes == 2);
    CHECK_NUMBER(header.size_bytes, UINT32_MAX);
    prefix[5] = '2'; /* with checksums */
    CHECK(newc_parse(prefix, &header));
    prefix[5] = '7'; /* the old portable format */
    CHECK(!newc_parse(prefix, &header));
    prefix[5] = '1';
    prefix[20] = 'g'; /* within the mode */
    CHECK(!newc_parse(prefix, &header));
}

static void padding_leads_to_the_next_multiple(void)
{
    CHECK_NUMBER(newc_padding(0), 0);
    CHECK_NUMBER(newc_padding(1), 3);
    CHECK_NUMBER(newc_padding(4), 0);
    CHECK_NUMBER(newc_padding(UINT32_MAX), 1);
}

static void numbers_that_cannot_be_are_refused(void)
{
    enum { MODE = 6 + 8, SIZE = 6 + 8 * 6, NAME = 6 + 8 * 11 };
    static const struct {
        size_t at;
        const char *number;
        bool is_right;
    } rows[] = {
        { MODE, "0000000g", false },    { MODE, "ffffffff", true },  { SIZE, "0000000/", false },
        { SIZE, "0000000:", false },    { SIZE, "0000000@", false }, { SIZE, "0000000`", false },
        { SIZE, "0000000G", false },    { SIZE, "0000000F", true },  { NAME, "00000000", false },
        { NAME, "0000000\xff", false }, { NAME, "00001000", true },  { NAME, "00001001", false },
        { NAME, "00000001", true },
    };
    struct newc_member member = { "a", 0100644, 1, 5, 2 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char prefix[NEWC_PREFIX_MAX];
        size_t bytes;
        struct newc_header header;
        CHECK_DONE(newc_format(&member, prefix, &bytes, check_error));
        memcpy(prefix + rows[i].at, rows[i].number, 8);
        check_about("%s at %zu", rows[i].number, rows[i].at);
        CHECK(newc_parse(prefix, &header) == rows[i].is_right);
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_header_is_read_as_it_was_written), CASE(padding_leads_to_the_next_multiple),
        CASE(a_header_is_that_of_the_kernels_page), CASE(the_trailer_ends_an_archive),
        CASE(a_name_is_filled_up_to_the_boundary),
        CASE(data_begins_on_the_boundary_from_everywhere), CASE(four_gibibytes_are_too_much),
        CASE(a_header_is_found_only_as_it_is), CASE(capitals_are_digits_too),
        CASE(a_number_within_a_name_is_no_header), CASE(numbers_that_cannot_be_are_refused));
}
