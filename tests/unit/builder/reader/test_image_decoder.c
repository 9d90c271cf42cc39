#include "tests/check_image.h"

#include "schema/base/own.h"

static void a_block_of_no_possible_length_is_damaged(struct arena arena)
{
    unsigned char bytes[4096] = { 0 };
    struct image_buffer buffer = { bytes, 100, 0 };
    cleanup(own_close) int fd = check_image_memory(bytes, sizeof bytes);
    struct image_file file = check_image_of(fd, sizeof bytes);
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

static void blocks_of_every_compressor_are_unpacked(struct arena arena)
{
    static const char *const names[] = { "gzip", "lz4", "xz", "zstd" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct arena scratch = arena;
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
        check_about("%s", names[i]);
        if (!check_image_open(names[i], &scratch, &open) ||
            !CHECK_DONE(image_decoder_make(&open.image.file, &scratch, &decoder, check_error)))
            return;
        uint32_t room = open.image.file.super.block_bytes;
        struct image_buffer buffer = { arena_room(&scratch, room), room, 0 };
        struct image_block block = open.image.fragments[0].block;
        struct str sentence = arena_format(&scratch, "the block at byte %llu is damaged",
                                           (unsigned long long)block.start);
        CHECK(!block.is_stored);
        CHECK_DONE(image_block_read(&decoder, block, &buffer, check_error));
        CHECK(buffer.size_bytes > block.packed_bytes);
        buffer.room = buffer.size_bytes - 1;
        CHECK_REFUSED(image_block_read(&decoder, block, &buffer, check_error), sentence);
        buffer.room = room;
        block.packed_bytes /= 2;
        CHECK_REFUSED(image_block_read(&decoder, block, &buffer, check_error), sentence);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(blocks_of_every_compressor_are_unpacked),
                     CASE(a_block_of_no_possible_length_is_damaged));
}
