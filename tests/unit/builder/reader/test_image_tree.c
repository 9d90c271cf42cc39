#include "tests/check_source.h"

#include "builder/reader/image_reader.h"
#include "schema/base/own.h"

#include <string.h>

#define D CHECK_DIGEST

/* Where fields of the root's listing are: a header, then entries with names of 34 bytes. */
enum {
    COUNT = 0,
    ENTRY_BYTES = 8 + 34,
    FIRST = 12, /* "-a", a directory */
    SECOND = FIRST + ENTRY_BYTES,
    THIRD = SECOND + ENTRY_BYTES, /* "-system", a directory */
    OFFSET = 0,
    NUMBER = 2,
    TYPE = 4,
    LENGTH = 6,
    NAME = 8,
};

/* An image of three paths, and its directories to be damaged. */
struct opened {
    int fd;
    struct image image;
    unsigned char *directories, *root; /* a copy, and the root's listing in it */
};

static bool open_store(struct arena *arena, struct opened *ret_opened)
{
    check_source_store(*arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, arena, &source)))
        return false;
    ret_opened->fd = check_source_image(&source, "image", *arena);
    struct image_place place = { .fd = ret_opened->fd, .name = "image" };
    struct image *image = &ret_opened->image;
    if (!CHECK_DONE(image_open(&place, STR("/nix/store"), arena, image, check_error)))
        return false;
    const struct image_table *table = &image->tree.directory_table;
    ret_opened->directories = arena_alloc(arena, 1, table->size_bytes);
    memcpy(ret_opened->directories, table->bytes, table->size_bytes);
    ret_opened->root =
        ret_opened->directories + image->tree.inodes[image->tree.nodes[0].inode].listing;
    return true;
}

static void close_store(const struct opened *opened)
{
    own_close(&opened->fd);
}

/* Reads the tree again, with the directories as they are now. */
static bool read_again(struct opened *opened, struct arena arena)
{
    struct image_tree tree = {
        .inode_table = opened->image.tree.inode_table,
        .directory_table = opened->image.tree.directory_table,
    };
    tree.directory_table.bytes = opened->directories;
    return image_tree_read(&opened->image.file, &opened->image.tables[IMAGE_IDS], &arena, &tree,
                           check_error);
}

static void nodes_ascend_and_have_their_paths(struct arena arena)
{
    static const char *const paths[] = {
        "",
        D "-a",
        D "-b",
        D "-system",
        "nix-path-registration",
        "nix-path-registration.json",
        D "-a/lib",
        D "-a/link",
        D "-a/noise",
        D "-a/program",
        D "-system/init",
        D "-a/lib/again",
    };
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    const struct image_tree *tree = &opened.image.tree;
    CHECK_NUMBER(tree->node_count, sizeof paths / sizeof *paths);
    for (uint32_t i = 0; i < tree->node_count && i < sizeof paths / sizeof *paths; i++) {
        CHECK_STR(image_tree_path(tree, i, &arena), paths[i]);
        CHECK(i == 0 || tree->nodes[i].parent < i);
    }
    CHECK_NUMBER(tree->nodes[11].top, 1);
    CHECK(image_tree_is_last(tree, 9) && !image_tree_is_last(tree, 8));
}

/* "-a/lib" has one entry, "-a/link" is no directory: a name when it is begun, ")" when it is ended. */
static void a_walk_goes_in_the_order_of_a_nar(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    const struct image_tree *tree = &opened.image.tree;
    struct image_step step = { .node = 1 };
    struct str seen = STR("");
    do
        seen = step.is_end ? arena_format(&arena, "%.*s)", STR_ARG(seen))
                           : arena_format(&arena, "%.*s %u", STR_ARG(seen), (unsigned)step.node);
    while (image_tree_step(tree, 1, &step));
    CHECK_STR(seen, " 1 6 11)) 7) 8) 9))");
    step = (struct image_step){ .node = 2 };
    CHECK(image_tree_step(tree, 2, &step) && step.node == 2 && step.is_end);
    CHECK(!image_tree_step(tree, 2, &step));
}

static void blocks_and_tails_add_up(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    const struct image_tree *tree = &opened.image.tree;
    const struct image_inode *noise = &tree->inodes[tree->nodes[8].inode];
    CHECK_NUMBER(noise->block_count, 1);
    struct image_block block = image_tree_block(noise, 0, noise->first_block);
    CHECK_NUMBER(block.start, noise->first_block);
    CHECK_NUMBER(block.packed_bytes, SQUASHFS_BLOCK_BYTES);
    CHECK(block.is_stored);
    CHECK_NUMBER(image_tree_tail_bytes(&opened.image.file, noise), SQUASHFS_BLOCK_BYTES / 2);
}

static void a_damaged_listing_is_refused_by_name(struct arena arena)
{
    static const struct {
        size_t at;
        unsigned char byte;
        const char *cause;
    } rows[] = {
        { COUNT + 1, 1, "a header of too many entries" },
        { COUNT, 9, "it ends inside an entry" },
        { FIRST + NAME, '/', "an impossible name" },
        { FIRST + NAME + 3, 0, "an impossible name" },
        { SECOND + LENGTH + 1, 0xff, "an impossible name" },
        { SECOND + NAME, '!', "its names are out of order" },
        { FIRST + OFFSET, 1, "an entry that leads to no inode" },
        { FIRST + NUMBER, 0x77, "an entry that does not fit its inode" },
        { FIRST + TYPE, 2, "an entry that does not fit its inode" },
    };
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    CHECK_DONE(read_again(&opened, arena));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char before = opened.root[rows[i].at];
        check_about("row %zu", i);
        opened.root[rows[i].at] = rows[i].byte;
        CHECK_REFUSED(read_again(&opened, arena),
                      arena_format(&arena, "damaged directory /: %s", rows[i].cause));
        opened.root[rows[i].at] = before;
    }
    CHECK_DONE(read_again(&opened, arena));
}

static void a_name_of_dots_is_refused(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    memcpy(opened.root + FIRST + NAME, "..", 2);
    opened.root[FIRST + LENGTH] = 1;
    CHECK_REFUSED(read_again(&opened, arena), "damaged directory /: an impossible name");
    opened.root[FIRST + LENGTH] = 0;
    CHECK_REFUSED(read_again(&opened, arena), "damaged directory /: an impossible name");
}

/* So there is no circle: "-system" says that it is "-a". */
static void a_directory_in_two_others_is_refused(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    memcpy(opened.root + THIRD, opened.root + FIRST, LENGTH);
    CHECK_REFUSED(read_again(&opened, arena),
                  "damaged directory /: it holds a directory that is in another already");
    /* A file may have two names; then another has none. */
    memcpy(opened.root + THIRD, opened.root + SECOND, LENGTH);
    CHECK(!read_again(&opened, arena));
    CHECK(str_starts(str_from(check_error->sentence), STR("damaged inode ")));
    CHECK(str_ends(str_from(check_error->sentence), STR(": it is in no directory")));
}

static void the_root_is_a_directory(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    if (!open_store(&arena, &opened))
        return;
    opened.image.file.super.root_inode++;
    CHECK_REFUSED(read_again(&opened, arena), "damaged super block: the root is no directory");
    opened.image.file.super.root_inode = 0; /* the first inode that is written is a file's */
    CHECK_REFUSED(read_again(&opened, arena), "damaged super block: the root is no directory");
}

/* A directory whose listing is larger than 64 KiB has an index, in its inode. */
static void make_large_directory(struct arena arena)
{
    enum { FILES = 300 };
    for (int i = 0; i < FILES; i++)
        check_file(arena_format(&arena, "nix/store/" D "-large/%0220d", i).data, STR("x"));
}

/* Flips bits of each byte near the table's end, where the inodes of directories are and the root's listing, and reads the tree. */
static size_t damage_each(struct opened *opened, unsigned char *bytes, size_t size,
                          struct arena arena)
{
    static const unsigned char values[] = { 0x01, 0xff };
    enum { BYTES = 3000 };
    size_t refused = 0;
    for (size_t at = size > BYTES ? size - BYTES : 0; at < size; at++)
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] ^= values[i];
            *opened->image.file.budget = image_budget_make(0);
            check_error->sentence[0] = '\0';
            if (!read_again(opened, arena) &&
                CHECK(str_starts(str_from(check_error->sentence), STR("damaged "))))
                refused++;
            bytes[at] ^= values[i];
        }
    return refused;
}

static void each_damaged_byte_of_a_large_directory_is_read_or_refused(struct arena arena)
{
    cleanup(close_store) struct opened opened = { .fd = -1 };
    make_large_directory(arena);
    if (!open_store(&arena, &opened))
        return;
    struct image *image = &opened.image;
    struct image_table *inodes = &image->tree.inode_table;
    unsigned char *copy = arena_alloc(&arena, 1, inodes->size_bytes);
    memcpy(copy, inodes->bytes, inodes->size_bytes);
    inodes->bytes = copy;
    CHECK_DONE(read_again(&opened, arena));
    CHECK(damage_each(&opened, copy, inodes->size_bytes, arena) > 1000);
    CHECK(damage_each(&opened, opened.directories, image->tree.directory_table.size_bytes, arena) >
          1000);
    *image->file.budget = image_budget_make(0);
    CHECK_DONE(read_again(&opened, arena));
}

int main(void)
{
    return CHECK_ALL(CASE(nodes_ascend_and_have_their_paths),
                     CASE(a_walk_goes_in_the_order_of_a_nar), CASE(blocks_and_tails_add_up),
                     CASE(a_damaged_listing_is_refused_by_name), CASE(a_name_of_dots_is_refused),
                     CASE(a_directory_in_two_others_is_refused), CASE(the_root_is_a_directory),
                     CASE(each_damaged_byte_of_a_large_directory_is_read_or_refused));
}
