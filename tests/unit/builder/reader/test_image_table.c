#include "tests/check_image.h"

#include "schema/base/own.h"

#include <string.h>
#include <sys/mman.h>

enum { STORED = 0x8000, FULL = IMAGE_TABLE_BLOCK_BYTES };

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
    cleanup(own_close) int fd = check_image_memory(bytes, size);
    struct image_file file = check_image_of(fd, size);
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
    cleanup(own_close) int fd = check_image_memory(bytes, sizeof bytes);
    struct image_file file = check_image_of(fd, sizeof bytes);
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

/* The index has the place of each block. */
static void an_index_of_two_blocks_has_to_fit_both(struct arena arena)
{
    static unsigned char bytes[3 * FULL];
    size_t start = IMAGE_SUPER_BYTES, second = start + put_block(bytes + start, FULL);
    size_t end = second + put_block(bytes + second, 10);
    struct image_table table = { 0 };
    bytes[end] = IMAGE_SUPER_BYTES;
    bytes[end + 8] = (unsigned char)second;
    bytes[end + 9] = (unsigned char)(second >> 8);
    for (int i = 0; i < 2; i++) {
        cleanup(own_close) int fd = check_image_memory(bytes, sizeof bytes);
        struct image_file file = check_image_of(fd, sizeof bytes);
        cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
        struct image_range index = { end, 0, "table" };
        CHECK_DONE(image_decoder_make(&file, &arena, &decoder, check_error));
        bool done =
            image_table_read_indexed(&decoder, &index, FULL + 10, &arena, &table, check_error);
        if (i == 0)
            CHECK_DONE(done);
        else
            CHECK_REFUSED(done, "damaged table: its index does not fit its blocks");
        bytes[end + 8]++;
    }
}

/* By its bytes, or by the number of its blocks, which may have one byte each. */
static void a_table_beyond_1_gib_is_refused(struct arena arena)
{
    enum { BLOCKS = IMAGE_TABLE_MAX / FULL + 1, BLOCK = 3 };
    static const uint64_t sizes[] = { (uint64_t)2 << 30, (uint64_t)BLOCKS * BLOCK };
    for (size_t i = 0; i < 2; i++) {
        cleanup(own_close) int fd = memfd_create("image", MFD_CLOEXEC);
        struct image_file file = check_image_of(fd, sizes[i]);
        struct image_table table;
        cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
        CHECK_DONE(image_decoder_make(&file, &arena, &decoder, check_error));
        CHECK(ftruncate(fd, (off_t)sizes[i]) == 0);
        unsigned char *bytes = arena_room(&arena, BLOCKS * BLOCK);
        for (size_t at = 0; at < BLOCKS; at++)
            memcpy(bytes + at * BLOCK, "\1\x80x", BLOCK);
        CHECK(pwrite(fd, bytes, BLOCKS * BLOCK, 0) == BLOCKS * BLOCK);
        CHECK_REFUSED(image_table_read(&decoder, (struct image_range){ 0, sizes[i], "table" },
                                       &arena, &table, check_error),
                      "damaged table: it is larger than 1 GiB");
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_table_is_the_contents_of_its_blocks),
                     CASE(behind_full_blocks_the_end_has_a_position),
                     CASE(a_chain_that_does_not_fit_is_refused), CASE(an_index_has_to_fit),
                     CASE(an_index_of_two_blocks_has_to_fit_both),
                     CASE(a_table_beyond_1_gib_is_refused));
}
