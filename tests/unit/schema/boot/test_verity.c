#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/boot/verity.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Each block begins with its number, little-endian, and has NULs else. The roots are those that
 * veritysetup 2.6.1 found. */
static const struct {
    uint64_t blocks;
    const char *root;
    uint64_t verity_bytes;
} images[] = {
    { 1, "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7", 4096 },
    { 2, "f92ee626c329ac6003c22a70a104bf89d8d1a326ff913e648a44698b9ed65195", 8192 },
    { 128, "2c7b230a3e5d3960d3aa7ba13cf085b94af1280aa4e96fb5e799fd0d642abb0c", 8192 },
    { 129, "89cc567fe951297b2c88cc2ebdbf35afabdf58c8129bef1981b5cd3137fb6e51", 16384 },
    { 16385, "3a47772a5ddbd8d1d86d62c8e1134d1d9edc3c00014cc6cd2175fa12ff5736ed", 544768 },
};
enum { OFFSET = 3 * VERITY_BLOCK_BYTES, IMAGE_129 = 3 };

struct fixture {
    struct arena arena;
    struct crew crew;
    struct verity_shape shape;
    struct verity_files files;
    struct hash root;
};

static void release(struct fixture *fixture)
{
    close(fixture->files.image.fd);
    close(fixture->files.verity.fd);
}

/* Makes image `index` with its verity data, both at OFFSET in their files. */
static bool make(struct fixture *fixture, size_t index, unsigned jobs)
{
    static uint8_t block[VERITY_BLOCK_BYTES];
    struct verity_files files = {
        .image = { memfd_create("image", MFD_CLOEXEC), "image" },
        .verity = { memfd_create("verity", MFD_CLOEXEC), "tree" },
        .image_offset = OFFSET,
        .verity_offset = OFFSET,
    };
    fixture->files = files;
    for (uint64_t i = 0; i < images[index].blocks; i++) {
        for (size_t j = 0; j < 8; j++)
            block[j] = (uint8_t)(i >> (8 * j));
        if (!file_write_at(files.image, block, sizeof block, OFFSET + i * sizeof block,
                           check_error))
            return false;
    }
    return crew_make(jobs, &fixture->arena, &fixture->crew, check_error) &&
           verity_shape_of(images[index].blocks * VERITY_BLOCK_BYTES, &fixture->shape,
                           check_error) &&
           verity_write(&files, &fixture->shape, &fixture->crew, &fixture->root, check_error);
}

static bool check(const struct fixture *fixture)
{
    return verity_check(&fixture->files, &fixture->shape, &fixture->root, &fixture->crew,
                        check_error);
}

static void verity_data_is_named_after_its_image(struct arena arena)
{
    static const char *const rows[][2] = {
        { "a.squashfs", "a.verity" },
        { "http://host/stores/a.squashfs", "http://host/stores/a.verity" },
        { "a.img", "a.img.verity" },
        { "a.squashfs.old", "a.squashfs.old.verity" },
        { "squashfs", "squashfs.verity" },
        { "/dev/sda", "/dev/sda.verity" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_STR(verity_name(str_from(rows[i][0]), &arena), rows[i][1]);
}

static void the_root_hash_is_that_of_veritysetup(struct arena arena)
{
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
            cleanup(release) struct fixture fixture = { .arena = arena };
            check_about("%llu blocks", (unsigned long long)images[i].blocks);
            CHECK_DONE(make(&fixture, i, jobs));
            CHECK_STR(hash_to_hex(&fixture.root).text, images[i].root);
            CHECK_NUMBER(fixture.shape.size_bytes, images[i].verity_bytes);
            CHECK_NUMBER(lseek(fixture.files.verity.fd, 0, SEEK_END),
                         OFFSET + fixture.shape.size_bytes);
            CHECK_DONE(check(&fixture));
            const struct verity_files alone = { .image = fixture.files.image,
                                                .image_offset = OFFSET };
            struct hash root;
            CHECK_DONE(verity_compute(&alone, &fixture.shape, &fixture.crew, &root, check_error));
            CHECK(hash_equal(&root, &fixture.root));
        }
}

static void a_superblock_has_what_the_kernel_reads(void)
{
    static const char start[] = "verity\0\0\1\0\0\0\1\0\0\0"
                                "\x2c\x7b\x23\x0a\x3e\x5d\x89\x60\xaa\xaa\x7b\xa1\x3c\xf0\x85\xb9"
                                "sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\0\x10\0\0\0\x10\0\0\x80\0\0\0\0\0\0\0";
    uint8_t block[VERITY_BLOCK_BYTES];
    struct verity_shape shape;
    struct hash root;
    CHECK_DONE(verity_shape_of(128 * VERITY_BLOCK_BYTES, &shape, check_error) &&
               hash_parse(str_from(images[2].root), &root, check_error));
    root.bytes[6] = 0x79;
    root.bytes[8] = 0x6a;
    verity_superblock(&shape, &root, block);
    CHECK(memcmp(block, start, sizeof start - 1) == 0);
    for (size_t i = sizeof start - 1; i < sizeof block; i++)
        CHECK(block[i] == 0);
}

static void sizes_are_whole_blocks(void)
{
    struct verity_shape shape;
    CHECK_REFUSED(verity_shape_of(0, &shape, check_error),
                  "0 bytes are not a whole number of blocks of 4096 bytes, which dm-verity needs");
    CHECK_REFUSED(
        verity_shape_of(4097, &shape, check_error),
        "4097 bytes are not a whole number of blocks of 4096 bytes, which dm-verity needs");
    CHECK_DONE(verity_shape_of(UINT64_MAX - 4095, &shape, check_error));
    CHECK_NUMBER(shape.level_count, VERITY_LEVELS_MAX);
    CHECK_NUMBER(shape.levels[7].offset, 4096);
    CHECK_NUMBER(shape.levels[7].block_count, 1);
    CHECK_NUMBER(shape.levels[0].block_count, (uint64_t)1 << 45);
}

/* A byte of one of the files is changed, and that is found. */
static void each_change_is_found_where_it_is(struct arena arena)
{
    static const struct {
        bool in_image;
        uint64_t place;
        const char *sentence;
    } changes[] = {
        { true, 0, "image: the block at byte 12288 does not have the hash that tree lists" },
        { true, 4097, "image: the block at byte 16384 does not have the hash that tree lists" },
        { true, 128 * 4096 + 77,
          "image: the block at byte 536576 does not have the hash that tree lists" },
        { false, 2 * 4096 + 32 * 5,
          "image: the block at byte 32768 does not have the hash that tree lists" },
        { false, 4096,
          "tree: the hash block at byte 20480 does not have the hash that tree lists" },
        { false, 3 * 4096 + 32, "tree: no NULs at byte 24608, behind the hashes of a level" },
        { false, 4096 + 64, "tree: no NULs at byte 16448, behind the hashes of a level" },
        { false, 0, "tree: its superblock is not the one that regd-build writes" },
        { false, 4095, "tree: its superblock is not the one that regd-build writes" },
    };
    cleanup(release) struct fixture fixture = { .arena = arena };
    if (!CHECK_DONE(make(&fixture, IMAGE_129, 1)))
        return;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct file file = changes[i].in_image ? fixture.files.image : fixture.files.verity;
        uint8_t byte;
        size_t got;
        check_about("change %zu", i);
        CHECK_DONE(file_read_at(file, &byte, 1, OFFSET + changes[i].place, &got, check_error));
        byte ^= 0x10;
        CHECK_DONE(file_write_at(file, &byte, 1, OFFSET + changes[i].place, check_error));
        CHECK_REFUSED(check(&fixture), changes[i].sentence);
        byte ^= 0x10;
        CHECK_DONE(file_write_at(file, &byte, 1, OFFSET + changes[i].place, check_error));
    }
    check_about("%s", "the root hash");
    fixture.root.bytes[31] ^= 1;
    CHECK_REFUSED(check(&fixture),
                  "tree: its root hash is "
                  "89cc567fe951297b2c88cc2ebdbf35afabdf58c8129bef1981b5cd3137fb6e51, expected "
                  "89cc567fe951297b2c88cc2ebdbf35afabdf58c8129bef1981b5cd3137fb6e50");
    fixture.root.bytes[31] ^= 1;
    CHECK_DONE(check(&fixture));
    CHECK(ftruncate(fixture.files.verity.fd, OFFSET + 2 * 4096 + 1) == 0);
    CHECK_REFUSED(check(&fixture), "read tree: it is shorter than it was");
    CHECK(ftruncate(fixture.files.image.fd, OFFSET) == 0);
    CHECK_REFUSED(check(&fixture), "read image: it is shorter than it was");
}

int main(void)
{
    return CHECK_ALL(CASE(verity_data_is_named_after_its_image),
                     CASE(the_root_hash_is_that_of_veritysetup),
                     CASE(a_superblock_has_what_the_kernel_reads), CASE(sizes_are_whole_blocks),
                     CASE(each_change_is_found_where_it_is));
}
