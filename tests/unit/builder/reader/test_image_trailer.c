#include "builder/reader/image_trailer.h"
#include "tests/check.h"

#include <string.h>

static const uint32_t some_checksum = 0x12345678;

static void check_kind(struct str text, enum image_trailer_kind kind)
{
    struct image_trailer trailer = image_trailer_parse(text);
    CHECK_NUMBER(trailer.kind, kind);
    if (kind != IMAGE_TRAILER_CHECKSUM)
        CHECK_NUMBER(trailer.record.len, 0);
}

/* Wherever the image ends. */
static void what_is_written_is_read_again(struct arena arena)
{
    static const char *const records[] = { "", "code=1 size=4096", "x" };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        for (uint64_t used = 8000; used < 8000 + 2 * IMAGE_ALIGN_BYTES; used++) {
            struct arena scratch = arena;
            struct str record = str_from(records[i]);
            struct str text = image_trailer_format(used, record, some_checksum, &scratch);
            struct image_trailer trailer = image_trailer_parse(text);
            if ((used + text.len) % IMAGE_ALIGN_BYTES != 0 ||
                text.len != image_trailer_bytes(used, record.len) || text.len > IMAGE_TRAILER_MAX ||
                trailer.kind != IMAGE_TRAILER_CHECKSUM || !str_equal(trailer.record, record) ||
                trailer.checksum != image_trailer_checksum(&trailer, some_checksum))
                CHECK_NUMBER(used, 0);
        }
}

/* As images of older builders have it. */
static void without_a_record_the_checksum_is_that_of_the_image(struct arena arena)
{
    struct str text = image_trailer_format(100, (struct str){ 0 }, some_checksum, &arena);
    CHECK_NUMBER(text.len, IMAGE_ALIGN_BYTES - 100);
    CHECK(memcmp(text.data + text.len - 12, "regd-crc\x78\x56\x34\x12", 12) == 0);
}

static void the_record_is_under_the_checksum(struct arena arena)
{
    struct str text = image_trailer_format(100, STR("code=1"), some_checksum, &arena);
    char *bytes = (char *)text.data;
    for (size_t i = text.len - 12 - 19; i < text.len - 12; i++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (char)(1 << bit);
            struct image_trailer trailer = image_trailer_parse(text);
            CHECK(trailer.kind == IMAGE_TRAILER_UNKNOWN ||
                  trailer.checksum != image_trailer_checksum(&trailer, some_checksum));
            bytes[i] ^= (char)(1 << bit);
        }
    check_kind(text, IMAGE_TRAILER_CHECKSUM);
}

static void zeros_and_nothing_are_no_trailer_of_ours(struct arena arena)
{
    check_kind(STR(""), IMAGE_TRAILER_ZEROS);
    check_kind((struct str){ arena_new(&arena, char, 4096), 4096 }, IMAGE_TRAILER_ZEROS);
}

static void everything_else_is_unknown(struct arena arena)
{
    static const struct str texts[] = {
        STR("x"),
        STR("\0\0\0\0regd-cr\0abcd"),
        STR("\0regd-blocks \nregd-crcabcd"),
        STR("\0regd-blocks a\n\0regd-crcabcd"),
        STR("\0regd-blocks a regd-crcabcd"),
        STR("\0regd-blocks a\tb\nregd-crcabcd"),
        STR("\0regd-blocks \xc3\xa4\nregd-crcabcd"),
        STR("\0regd-block a\nregd-crcabcd"),
        STR("x\0regd-blocks a\nregd-crcabcd"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_about("text %zu", i);
        check_kind(texts[i], IMAGE_TRAILER_UNKNOWN);
    }
    check_kind(STR("\0regd-blocks a\nregd-crcabcd"), IMAGE_TRAILER_CHECKSUM);
    char *many = arena_new(&arena, char, BLOCK_RECORD_MAX + 1);
    memset(many, 'a', BLOCK_RECORD_MAX + 1);
    check_kind(arena_format(&arena, "regd-blocks %.*s\nregd-crcabcd", BLOCK_RECORD_MAX, many),
               IMAGE_TRAILER_CHECKSUM);
    check_kind(arena_format(&arena, "regd-blocks %.*s\nregd-crcabcd", BLOCK_RECORD_MAX + 1, many),
               IMAGE_TRAILER_UNKNOWN);
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_written_is_read_again),
                     CASE(without_a_record_the_checksum_is_that_of_the_image),
                     CASE(the_record_is_under_the_checksum),
                     CASE(zeros_and_nothing_are_no_trailer_of_ours),
                     CASE(everything_else_is_unknown));
}
