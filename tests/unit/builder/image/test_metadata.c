#include "tests/check_calls.h"
#include "tests/check_source.h"

#include "builder/reader/image_reader.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>

#define D CHECK_DIGEST

/* Makes the image "image" of the store, and opens it. */
static bool make_image(struct check_source *source, int *ret_fd, struct arena *arena,
                       struct image *ret_image)
{
    if (!CHECK_DONE(check_source_take(NULL, arena, source)))
        return false;
    *ret_fd = check_source_image(source, "image", *arena);
    struct image_place place = { .fd = *ret_fd, .name = "image" };
    return CHECK_DONE(image_open(&place, STR("/nix/store"), arena, ret_image, check_error));
}

static const struct image_inode *inode_of(const struct image *image, const char *path,
                                          struct arena arena)
{
    for (uint32_t i = 0; i < image->tree.node_count; i++)
        if (str_equal(image_tree_path(&image->tree, i, &arena), str_from(path)))
            return &image->tree.inodes[image->tree.nodes[i].inode];
    printf("# there is no %s\n", path);
    return &image->tree.inodes[0];
}

static void modes_owners_and_times_are_those_of_a_store(struct arena arena)
{
    static const struct {
        const char *path;
        uint16_t mode;
        uint32_t links;
    } rows[] = {
        { D "-a", 0555, 3 },           { D "-a/lib", 0555, 2 },  { D "-a/noise", 0444, 1 },
        { D "-a/program", 0555, 1 },   { D "-a/link", 0777, 1 }, { D "-b", 0444, 1 },
        { D "-system/init", 0555, 1 },
    };
    int fd = -1;
    struct image image = { 0 };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!make_image(&source, &fd, &arena, &image))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct image_inode *inode = inode_of(&image, rows[i].path, arena);
        check_about("%s", rows[i].path);
        CHECK_NUMBER(inode->mode, rows[i].mode);
        CHECK_NUMBER(inode->link_count, rows[i].links);
        CHECK_NUMBER(inode->modified_seconds, 1);
        CHECK_NUMBER(inode->owner + inode->group, 0);
    }
    CHECK_NUMBER(image.tree.inodes[image.tree.nodes[0].inode].mode, 0755);
    CHECK_STR(inode_of(&image, D "-a/link", arena)->target, "program");
    own_close(&fd);
}

static void numbers_are_given_once_from_one_on(struct arena arena)
{
    int fd = -1;
    struct image image = { 0 };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!make_image(&source, &fd, &arena, &image))
        return;
    bool *seen = arena_new(&arena, bool, image.tree.inode_count + 1);
    for (size_t i = 0; i < image.tree.inode_count; i++) {
        uint32_t number = image.tree.inodes[i].number;
        if (CHECK(number >= 1 && number <= image.tree.inode_count))
            CHECK(!seen[number]);
        seen[number <= image.tree.inode_count ? number : 0] = true;
    }
    own_close(&fd);
}

/* What is not stored is said to be a hole, as large as the zeros were. */
static void zeros_are_holes(struct arena arena)
{
    int fd = -1;
    struct image image = { 0 };
    enum { SIZE = 2 * SQUASHFS_BLOCK_BYTES + 3 };
    char *bytes = arena_alloc(&arena, 1, SIZE);
    bytes[SIZE - 1] = 'x';
    check_file("nix/store/" D "-b", (struct str){ bytes, SIZE });
    cleanup(check_source_release) struct check_source source;
    if (!make_image(&source, &fd, &arena, &image))
        return;
    const struct image_inode *inode = inode_of(&image, D "-b", arena);
    CHECK_NUMBER(inode->size_bytes, SIZE);
    CHECK_NUMBER(inode->sparse_bytes, 2 * SQUASHFS_BLOCK_BYTES);
    CHECK_NUMBER(inode->hole_bytes, 2 * SQUASHFS_BLOCK_BYTES);
    CHECK_NUMBER(inode->block_count, 2);
    own_close(&fd);
}

static void equal_contents_are_in_one_place(struct arena arena)
{
    int fd = -1;
    struct image image = { 0 };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!make_image(&source, &fd, &arena, &image))
        return;
    const struct image_inode *first = inode_of(&image, D "-a/noise", arena);
    const struct image_inode *again = inode_of(&image, D "-a/lib/again", arena);
    CHECK(first != again && first->number != again->number);
    CHECK_NUMBER(first->first_block, again->first_block);
    CHECK_NUMBER(first->fragment, again->fragment);
    CHECK_NUMBER(first->fragment_offset, again->fragment_offset);
    own_close(&fd);
}

static void each_write_that_fails_is_a_sentence(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd =
        openat(check_directory(), "image", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    source.crew.jobs = 1;
    bool done = false;
    for (size_t number = 1; !done; number++) {
        struct squashfs_result result;
        check_about("call %zu", number);
        check_calls_fail(number);
        done = squashfs_write(&source.source.inventory, &source.squashfs,
                              (struct squashfs_place){ fd, 0 }, arena, &result, check_error);
        if (!check_calls_told(done))
            return;
    }
}

int main(void)
{
    return CHECK_ALL(CASE(modes_owners_and_times_are_those_of_a_store),
                     CASE(numbers_are_given_once_from_one_on), CASE(zeros_are_holes),
                     CASE(equal_contents_are_in_one_place),
                     CASE(each_write_that_fails_is_a_sentence));
}
