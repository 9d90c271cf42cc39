#include "builder/reader/image_options.h"

#include "tests/check_image.h"

#include "schema/base/own.h"

#include <sqfs/compressor.h>

#include <string.h>

enum { FILE_BYTES = 4096 };

/* An image whose options begin with this length and these bytes. The caller closes the descriptor. */
static struct image_file an_image(uint16_t compression, uint16_t word, struct str options)
{
    unsigned char bytes[FILE_BYTES] = { 0 };
    bytes[IMAGE_SUPER_BYTES] = (unsigned char)word;
    bytes[IMAGE_SUPER_BYTES + 1] = (unsigned char)(word >> 8);
    memcpy(bytes + IMAGE_SUPER_BYTES + 2, options.data, options.len);
    struct image_file file = check_image_of(check_image_memory(bytes, sizeof bytes), sizeof bytes);
    file.super.flags = IMAGE_COMPRESSOR_OPTIONS;
    file.super.compression = compression;
    file.super.inode_table = FILE_BYTES;
    return file;
}

static void options_that_the_kernel_accepts_are_found(void)
{
    static const struct {
        uint16_t compression, word;
        struct str options;
        uint64_t dictionary_bytes;
    } cases[] = {
        { SQFS_COMP_XZ, 0x8008, STR("\0\0\x10\0\0\0\0\0"), 1 << 20 },
        { SQFS_COMP_XZ, 0x8008, STR("\0\x60\0\0\0\0\0\0"), 3 << 13 },
        { SQFS_COMP_XZ, 0x8009, STR("\0\0\0\x80\0\0\0\0\0"), 1U << 31 },
        { SQFS_COMP_LZ4, 0x8008, STR("\1\0\0\0\1\0\0\0"), 0 },
        { SQFS_COMP_ZSTD, 0x8004, STR("\3\0\0\0"), 0 },
        { SQFS_COMP_GZIP, 0x8001, STR("?"), 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_range range;
        struct image_file file = an_image(cases[i].compression, cases[i].word, cases[i].options);
        check_about("%zu", i);
        CHECK_DONE(image_options_read(&file, &range, check_error));
        CHECK_NUMBER(file.dictionary_bytes, cases[i].dictionary_bytes);
        CHECK_NUMBER(range.start, IMAGE_SUPER_BYTES);
        CHECK_NUMBER(range.end, IMAGE_SUPER_BYTES + 2 + (cases[i].word & 0x7fff));
        own_close(&file.fd);
    }
}

static void options_that_the_kernel_refuses_are_refused(void)
{
    static const struct {
        uint16_t compression, word;
        struct str options;
        const char *sentence;
    } cases[] = {
        { SQFS_COMP_XZ, 0x8008, STR("\1\0\x10\0\0\0\0\0"), "a dictionary of 1048577 bytes" },
        { SQFS_COMP_XZ, 0x8008, STR("\0\0\0\0\0\0\0\0"), "a dictionary of 0 bytes" },
        { SQFS_COMP_XZ, 0x8007, STR("\0\0\x10\0\0\0\0"), "they are too short" },
        { SQFS_COMP_LZ4, 0x8008, STR("\2\0\0\0\0\0\0\0"), "version 2 of lz4" },
        { SQFS_COMP_LZ4, 0x8004, STR("\1\0\0\0"), "they are too short" },
        { SQFS_COMP_ZSTD, 0x8000, STR(""), "they are too short" },
        { SQFS_COMP_GZIP, 0x0008, STR("\1\0\0\0\0\0\0\0"), "they are compressed" },
        { SQFS_COMP_GZIP, 0xffff, STR(""), "they go beyond the data" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sentence[100];
        struct image_range range;
        struct image_file file = an_image(cases[i].compression, cases[i].word, cases[i].options);
        snprintf(sentence, sizeof sentence, "damaged compressor options: %s", cases[i].sentence);
        check_about("%zu", i);
        CHECK_REFUSED(image_options_read(&file, &range, check_error), sentence);
        own_close(&file.fd);
    }
}

static void only_lz4_cannot_be_without(void)
{
    struct image_range range;
    for (uint16_t compression = SQFS_COMP_GZIP; compression <= SQFS_COMP_ZSTD; compression++) {
        struct image_file file = an_image(compression, 0, STR(""));
        file.super.flags = 0;
        check_about("%u", compression);
        if (compression == SQFS_COMP_LZ4)
            CHECK_REFUSED(image_options_read(&file, &range, check_error),
                          "damaged super block: no compressor options, which lz4 needs");
        else
            CHECK_DONE(image_options_read(&file, &range, check_error));
        CHECK(range.start == range.end);
        own_close(&file.fd);
    }
}

static void options_that_cannot_be_read_are_an_error(void)
{
    struct image_range range;
    struct image_file file = an_image(SQFS_COMP_XZ, 0x8008, STR("\0\0\x10\0\0\0\0\0"));
    for (file.size_bytes = IMAGE_SUPER_BYTES; file.size_bytes < IMAGE_SUPER_BYTES + 10;
         file.size_bytes++) {
        bool is_cut = image_options_read(&file, &range, check_error) ||
                      strstr(check_error->sentence, "it is cut off");
        CHECK(is_cut);
    }
    own_close(&file.fd);
}

int main(void)
{
    return CHECK_ALL(CASE(options_that_the_kernel_accepts_are_found),
                     CASE(options_that_the_kernel_refuses_are_refused),
                     CASE(only_lz4_cannot_be_without),
                     CASE(options_that_cannot_be_read_are_an_error));
}
