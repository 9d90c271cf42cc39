#include "tests/check_libraries.h"
#include "tests/check_store.h"

#include "builder/image/squashfs.h"
#include "builder/reader/image_nar.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define D CHECK_DIGEST

enum { BLOCK = SQUASHFS_BLOCK_BYTES };

/* An inventory in memory: a directory with files around the size of a block, a link, a manifest. */
struct example {
    struct inventory inventory;
    struct node nodes[10];
    uint64_t path_bytes[3];
};

static uint32_t add(struct example *example, uint32_t parent, const char *name, enum node_kind kind,
                    struct str content)
{
    uint32_t node = (uint32_t)example->inventory.count++;
    example->nodes[node] = (struct node){
        .name = str_from(name),
        .parent = parent,
        .kind = kind,
        .content = content,
        .size_bytes = content.len,
        .is_extra = true,
        .same_as = node,
    };
    example->inventory.file_count += kind == NODE_FILE;
    if (example->nodes[parent].child_count++ == 0)
        example->nodes[parent].first_child = node;
    return node;
}

/* Bytes that do not shrink, or zeros. */
static struct str bytes_of(size_t size, bool are_zero, struct arena *arena)
{
    char *bytes = arena_new(arena, char, size + 1);
    if (!are_zero)
        check_noise(bytes, size, size);
    return (struct str){ bytes, size };
}

static void fill(struct example *example, struct arena *arena)
{
    memset(example, 0, sizeof *example);
    example->inventory = (struct inventory){ .store = -1, .nodes = example->nodes, .count = 1 };
    example->nodes[0] = (struct node){ .kind = NODE_DIRECTORY };
    uint32_t top = add(example, 0, D "-a", NODE_DIRECTORY, STR(""));
    uint32_t link = add(example, 0, D "-b", NODE_LINK, STR(""));
    example->nodes[link].target = STR("target");
    add(example, 0, "nix-path-registration", NODE_FILE, STR(""));
    add(example, top, "a", NODE_FILE, bytes_of(BLOCK + 1, false, arena));
    uint32_t same = add(example, top, "b", NODE_FILE, bytes_of(BLOCK + 1, false, arena));
    example->nodes[same].same_as = same - 1;
    add(example, top, "c", NODE_FILE, bytes_of(2 * BLOCK, true, arena));
    add(example, top, "d", NODE_FILE, bytes_of(BLOCK - 1, false, arena));
    add(example, top, "e", NODE_FILE, STR(""));
    uint32_t program = add(example, top, "f", NODE_FILE, STR("#!/bin/sh\n"));
    example->nodes[program].is_executable = true;
}

/* Writes it at `offset` of a file, whose descriptor is returned. */
static int write_image(struct example *example, const char *method, unsigned jobs, uint64_t offset,
                       struct squashfs_result *ret_result, struct arena scratch)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    struct crew crew;
    CHECK_DONE(crew_make(jobs, &scratch, &crew, check_error));
    struct squashfs_options options = { .crew = &crew, .path_bytes = example->path_bytes };
    CHECK_DONE(compression_parse(str_from(method), &options.compression, check_error));
    CHECK_DONE(squashfs_write(&example->inventory, &options, (struct squashfs_place){ fd, offset },
                              scratch, ret_result, check_error));
    return fd;
}

static const char *const methods[] = { "gzip", "lz4", "xz:1", "zstd:1" };

static void what_is_written_is_read_back(struct arena arena)
{
    struct example example;
    fill(&example, &arena);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct arena scratch = arena;
        struct squashfs_result result = { 0 };
        cleanup(own_close) int fd = write_image(&example, methods[i], 2, 0, &result, scratch);
        struct image image = { 0 };
        struct image_place place = { .fd = fd, .name = "image" };
        check_about("%s", methods[i]);
        if (!CHECK_DONE(image_open(&place, STR("/nix/store"), &scratch, &image, check_error)))
            return;
        CHECK_NUMBER(image.file.size_bytes, result.size_bytes);
        CHECK_NUMBER(result.size_bytes % IMAGE_ALIGN_BYTES, 0);
        uint32_t top = image_find(&image, STR(D "-a"));
        for (uint32_t node = 4; node < example.inventory.count; node++) {
            struct str text = STR("?");
            const struct node *wanted = &example.nodes[node];
            uint32_t found = image_find_child(&image, top, wanted->name);
            const struct image_inode *inode = image_inode_of(&image, found);
            CHECK(found > 0 && inode->mode == (wanted->is_executable ? 0555 : 0444));
            CHECK_DONE(image_read_text(&image, inode, 4 * BLOCK, &scratch, &text, check_error));
            CHECK(str_equal(text, wanted->content));
        }
        CHECK_STR(image_inode_of(&image, image_find(&image, STR(D "-b")))->target, "target");
    }
}

static bool are_same(int left, uint64_t left_offset, int right, uint64_t size, struct arena scratch)
{
    char *a = arena_room(&scratch, size), *b = arena_room(&scratch, size);
    return pread(left, a, size, (off_t)left_offset) == (ssize_t)size &&
           pread(right, b, size, 0) == (ssize_t)size && memcmp(a, b, size) == 0;
}

static void threads_and_place_do_not_show(struct arena arena)
{
    struct example example;
    struct squashfs_result result = { 0 };
    fill(&example, &arena);
    cleanup(own_close) int first = write_image(&example, "zstd:1", 1, 0, &result, arena);
    uint64_t size = result.size_bytes;
    for (unsigned jobs = 1; jobs <= 4; jobs++) {
        cleanup(own_close) int other =
            write_image(&example, "zstd:1", jobs, 4096 * jobs, &result, arena);
        CHECK_NUMBER(result.size_bytes, size);
        CHECK(are_same(other, 4096 * jobs, first, size, arena));
    }
}

/* Zeros are not stored, nor is what is there twice: one block and two tails that do not shrink. */
static void each_content_is_stored_once(struct arena arena)
{
    struct example example;
    struct squashfs_result result = { 0 };
    fill(&example, &arena);
    cleanup(own_close) int fd = write_image(&example, "zstd:1", 1, 0, &result, arena);
    CHECK(fd >= 0);
    CHECK_NUMBER(result.data_bytes, BLOCK + 1 + (BLOCK - 1) + 10);
    CHECK_NUMBER(result.reused_bytes, 0);
    CHECK(result.size_bytes < 2 * BLOCK + 3 * IMAGE_ALIGN_BYTES);
    CHECK(example.path_bytes[0] > 2 * BLOCK - 100 && example.path_bytes[0] < result.size_bytes);
    CHECK_NUMBER(example.path_bytes[1], 0);
}

static void an_image_beyond_the_limit_is_given_up(struct arena arena)
{
    struct example example;
    struct squashfs_result result = { .size_bytes = 77 };
    struct crew crew;
    CHECK_DONE(crew_make(2, &arena, &crew, check_error));
    struct squashfs_options options = { .crew = &crew, .limit_bytes = BLOCK };
    cleanup(own_close) int fd = memfd_create("image", MFD_CLOEXEC);
    fill(&example, &arena);
    CHECK_DONE(compression_parse(STR("zstd:1"), &options.compression, check_error));
    CHECK_REFUSED(squashfs_write(&example.inventory, &options, (struct squashfs_place){ fd, 0 },
                                 arena, &result, check_error),
                  "the image is larger than 1048576 bytes, the most that a ramdisk can hold; split "
                  "it with --max-size");
    CHECK_NUMBER(result.size_bytes, 77);
}

static void a_full_disk_is_told(struct arena arena)
{
    struct example example;
    struct squashfs_result result;
    struct crew crew;
    CHECK_DONE(crew_make(2, &arena, &crew, check_error));
    struct squashfs_options options = { .crew = &crew };
    cleanup(own_close) int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    fill(&example, &arena);
    CHECK_DONE(compression_parse(STR("lz4"), &options.compression, check_error));
    CHECK_REFUSED(squashfs_write(&example.inventory, &options, (struct squashfs_place){ fd, 0 },
                                 arena, &result, check_error),
                  "write the image: No space left on device");
}

struct failing {
    struct example example;
    struct squashfs_options options;
    struct crew crew;
    struct arena arena;
};

static bool write_failing(void *context)
{
    struct failing *failing = context;
    struct squashfs_result result;
    cleanup(own_close) int fd = memfd_create("image", MFD_CLOEXEC);
    return squashfs_write(&failing->example.inventory, &failing->options,
                          (struct squashfs_place){ fd, 0 }, failing->arena, &result, check_error);
}

static void whatever_fails_in_a_library_is_a_sentence(struct arena arena)
{
    struct failing failing = { .options.crew = &failing.crew };
    fill(&failing.example, &arena);
    CHECK_DONE(crew_make(1, &arena, &failing.crew, check_error));
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        failing.arena = arena;
        CHECK_DONE(
            compression_parse(str_from(methods[i]), &failing.options.compression, check_error));
        CHECK(check_each(CHECK_LIBRARIES, write_failing, &failing) > 60);
        check_each(CHECK_ALLOCATIONS, write_failing, &failing);
        check_each(CHECK_CALLS, write_failing, &failing);
    }
}

/* Linux refuses an image whose blocks are smaller than its memory pages (fs/squashfs/super.c). Those
 * of aarch64 have up to 64 KiB. */
static void blocks_are_no_smaller_than_pages_of_memory(struct arena arena)
{
    enum { PAGE_BYTES_MAX = 64 << 10, BLOCK_SIZE_AT = 12 };
    struct example example;
    struct squashfs_result result;
    fill(&example, &arena);
    cleanup(own_close) int fd = write_image(&example, "zstd:1", 1, 0, &result, arena);
    unsigned char size[4];
    CHECK_NUMBER(pread(fd, size, sizeof size, BLOCK_SIZE_AT), sizeof size);
    CHECK(size[0] + size[1] * 0x100u + size[2] * 0x10000u + size[3] * 0x1000000u >= PAGE_BYTES_MAX);
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_written_is_read_back), CASE(threads_and_place_do_not_show),
                     CASE(each_content_is_stored_once), CASE(an_image_beyond_the_limit_is_given_up),
                     CASE(a_full_disk_is_told), CASE(whatever_fails_in_a_library_is_a_sentence),
                     CASE(blocks_are_no_smaller_than_pages_of_memory));
}
