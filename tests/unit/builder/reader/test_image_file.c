#include "tests/check.h"

#include "builder/reader/image_file.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum { GZIP = 1, LZMA = 2, LZO = 3, STORED = 0x8000, FULL = IMAGE_TABLE_BLOCK_BYTES };

static int memory_of(const void *bytes, size_t size)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    return fd;
}

/* A file of which only tables are read. */
static struct image_file file_of(int fd, uint64_t size_bytes)
{
    static struct image_budget budget;
    budget = image_budget_make(0);
    return (struct image_file){
        .budget = &budget,
        .fd = fd,
        .size_bytes = size_bytes,
        .compression_name = "gzip",
        .super = { .compression = GZIP, .used_bytes = size_bytes, .block_bytes = 4096 },
    };
}

/* --- The super block ------------------------------------------------------------------------------ */

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
    cleanup(own_close) int fd = memory_of(bytes, 4096);
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

static void an_image_is_where_it_is_said_to_be(void)
{
    struct image_file file = { 0 };
    unsigned char bytes[8192] = { 0 };
    fill_super(bytes + 4096);
    cleanup(own_close) int fd = memory_of(bytes, sizeof bytes);
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
    cleanup(own_close) int fd = memory_of("12345678", 8);
    struct image_file file = file_of(fd, 6);
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
    CHECK_NUMBER(image_u16(bytes), 0xcdef);
    CHECK(image_u32(bytes) == 0x89abcdef);
    CHECK(image_u64(bytes) == 0x8123456789abcdef);
}

/* --- Tables --------------------------------------------------------------------------------------- */

/* Appends a stored block of so many bytes 'x'. */
static size_t put_block(unsigned char *at, size_t length)
{
    at[0] = (unsigned char)length;
    at[1] = (unsigned char)((length | STORED) >> 8);
    memset(at + 2, 'x', length);
    return length + 2;
}

static bool read_table(const unsigned char *bytes, size_t size, struct arena *arena,
                       struct image_table *ret_table)
{
    cleanup(own_close) int fd = memory_of(bytes, size);
    struct image_file file = file_of(fd, size);
    cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
    return image_decoder_make(&file, arena, &decoder, check_error) &&
           image_table_read(&decoder, (struct image_range){ 0, size, "table" }, arena, ret_table,
                            check_error);
}

static void a_table_is_the_contents_of_its_blocks(struct arena arena)
{
    unsigned char bytes[3 * FULL];
    struct image_table table = { 0 };
    size_t size = put_block(bytes, FULL);
    size += put_block(bytes + size, 100);
    if (!CHECK_DONE(read_table(bytes, size, &arena, &table)))
        return;
    CHECK_NUMBER(table.block_count, 2);
    CHECK_NUMBER(table.size_bytes, FULL + 100);
    CHECK_NUMBER(image_table_find(&table, 0, 5), 5);
    CHECK_NUMBER(image_table_find(&table, FULL + 2, 99), FULL + 99);
    CHECK_NUMBER(image_table_find(&table, FULL + 2, 100), FULL + 100);
    CHECK(image_table_find(&table, FULL + 2, 101) == SIZE_MAX);
    CHECK(image_table_find(&table, 0, FULL) == SIZE_MAX);
    CHECK(image_table_find(&table, 1, 0) == SIZE_MAX);
    CHECK(image_table_find(&table, size, 0) == SIZE_MAX);
    CHECK(image_table_find(&table, size + 1, 0) == SIZE_MAX);
}

static void behind_full_blocks_the_end_has_a_position(struct arena arena)
{
    unsigned char bytes[3 * FULL];
    struct image_table table = { 0 };
    size_t size = put_block(bytes, FULL);
    CHECK_DONE(read_table(bytes, size, &arena, &table));
    CHECK_NUMBER(image_table_find(&table, size, 0), FULL);
    CHECK(image_table_find(&table, size, 1) == SIZE_MAX);
    CHECK_DONE(read_table(bytes, 0, &arena, &table));
    CHECK_NUMBER(image_table_find(&table, 0, 0), 0);
}

static void a_chain_that_does_not_fit_is_refused(struct arena arena)
{
    unsigned char bytes[3 * FULL];
    struct image_table table;
    size_t size = put_block(bytes, 10);
    CHECK_REFUSED(read_table(bytes, size - 1, &arena, &table),
                  "damaged table: it ends inside a block");
    CHECK_REFUSED(read_table(bytes, 1, &arena, &table),
                  "damaged table: it ends inside a block's length");
    size += put_block(bytes + size, 10);
    CHECK_REFUSED(read_table(bytes, size, &arena, &table),
                  "damaged table: a block within it is not full");
    put_block(bytes, 0);
    CHECK_REFUSED(read_table(bytes, 2, &arena, &table),
                  "damaged table: a block of impossible length");
    put_block(bytes, FULL + 1);
    CHECK_REFUSED(read_table(bytes, FULL + 3, &arena, &table),
                  "damaged table: a block of impossible length");
    size = put_block(bytes, 10);
    bytes[1] = 0; /* compressed, which it is not */
    CHECK_REFUSED(read_table(bytes, size, &arena, &table),
                  "damaged table: the block at byte 0 is damaged");
}

static void an_index_has_to_fit(struct arena arena)
{
    unsigned char bytes[2 * FULL] = { 0 };
    size_t start = IMAGE_SUPER_BYTES, end = start + put_block(bytes + start, 10);
    bytes[end] = IMAGE_SUPER_BYTES;
    struct image_table table = { 0 };
    cleanup(own_close) int fd = memory_of(bytes, sizeof bytes);
    struct image_file file = file_of(fd, sizeof bytes);
    cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
    CHECK_DONE(image_decoder_make(&file, &arena, &decoder, check_error));
    struct image_range index = { end, 0, "table" };
    CHECK_DONE(image_table_read_indexed(&decoder, &index, 10, &arena, &table, check_error));
    CHECK_NUMBER(index.end, end + 8);
    CHECK_NUMBER(table.size_bytes, 10);
    static const struct {
        size_t at, size;
        const char *sentence;
    } rows[] = {
        { 0, 11, "damaged table: it has another size than the super block says" },
        { 0, 0, "damaged table: its size cannot be right" },
        { 0, (size_t)1 << 40, "damaged table: its size cannot be right" },
        { 1, 10, "damaged table: it does not end behind its start" },
        { 8, 10, "damaged table: it starts in the super block" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        index = (struct image_range){ end + rows[i].at, 0, "table" };
        if (rows[i].at == 1)
            CHECK(pwrite(fd, "\xff\xff", 2, (off_t)end + 1) == 2);
        CHECK_REFUSED(
            image_table_read_indexed(&decoder, &index, rows[i].size, &arena, &table, check_error),
            rows[i].sentence);
    }
}

static void a_block_of_no_possible_length_is_damaged(struct arena arena)
{
    unsigned char bytes[4096] = { 0 };
    struct image_buffer buffer = { bytes, 100, 0 };
    cleanup(own_close) int fd = memory_of(bytes, sizeof bytes);
    struct image_file file = file_of(fd, sizeof bytes);
    cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
    CHECK_DONE(image_decoder_make(&file, &arena, &decoder, check_error));
    static const struct image_block blocks[] = {
        { .start = 5, .packed_bytes = 0, .is_stored = true },
        { .start = 5, .packed_bytes = IMAGE_BLOCK_MAX + 1, .is_stored = true },
        { .start = 5, .packed_bytes = 101, .is_stored = true },
    };
    for (size_t i = 0; i < 3; i++)
        CHECK_REFUSED(image_block_read(&decoder, blocks[i], &buffer, check_error),
                      "the block at byte 5 is damaged");
}

int main(void)
{
    return CHECK_ALL(CASE(a_super_block_is_read), CASE(a_number_that_cannot_be_is_refused),
                     CASE(an_image_is_where_it_is_said_to_be), CASE(nothing_outside_is_read),
                     CASE(numbers_are_little_endian), CASE(a_table_is_the_contents_of_its_blocks),
                     CASE(behind_full_blocks_the_end_has_a_position),
                     CASE(a_chain_that_does_not_fit_is_refused), CASE(an_index_has_to_fit),
                     CASE(a_block_of_no_possible_length_is_damaged));
}
