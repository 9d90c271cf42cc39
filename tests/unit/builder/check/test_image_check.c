#include "tests/check_image.h"

#include "builder/check/image_check.h"
#include "builder/check/image_check_places.h"

#include <string.h>

/* An image that is in order is opened, and what was read of it is changed: one thing is then found. */

/* All findings, "SUBJECT: TEXT", each behind a '\n'. */
static struct str find(const struct image *image, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct checking checking = { image, 0, STR("/nix/store"), arena, &findings };
    struct str all = STR("");
    CHECK_DONE(image_checksum(image, *arena, &checking.checksum, check_error));
    CHECK_DONE(image_check(&checking, check_error));
    for (size_t i = 0; i < findings.count; i++)
        all = arena_format(arena, "%.*s\n%.*s: %.*s", STR_ARG(all),
                           STR_ARG(findings.items[i].subject), STR_ARG(findings.items[i].text));
    return all;
}

static void what_the_builder_makes_is_in_order(struct arena arena)
{
    static const char *const names[] = { "gzip", "lz4", "xz", "zstd" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        check_about("%s", names[i]);
        if (check_image_open(names[i], &arena, &open))
            CHECK_STR(find(&open.image, &arena), "");
    }
}

/* The inode of a path in the package. */
static struct image_inode *inode_of(struct image *image, const char *name)
{
    uint32_t package = image_find(image, STR(CHECK_DIGEST "-package"));
    uint32_t node = name ? image_find_child(image, package, str_from(name)) : package;
    CHECK(node > 0);
    return &image->tree.inodes[image->tree.nodes[node].inode];
}

#define PACKAGE "\n/nix/store/" CHECK_DIGEST "-package"

static void each_field_of_a_file_has_one_right_value(struct arena arena)
{
    static const struct {
        size_t offset;
        const char *finding;
    } rows[] = {
        { offsetof(struct image_inode, owner), PACKAGE "/text: owner 7, expected 0" },
        { offsetof(struct image_inode, group), PACKAGE "/text: group 7, expected 0" },
        { offsetof(struct image_inode, modified_seconds), PACKAGE "/text: time 7, expected 1" },
        { offsetof(struct image_inode, link_count), PACKAGE "/text: links 7, expected 1" },
        { offsetof(struct image_inode, attributes),
          PACKAGE "/text: attributes 7, expected 4294967295" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        static const uint32_t seven = 7;
        check_about("row %zu", i);
        if (!check_image_open("zstd", &arena, &open))
            return;
        memcpy((char *)inode_of(&open.image, "text") + rows[i].offset, &seven, sizeof seven);
        CHECK_STR(find(&open.image, &arena), rows[i].finding);
    }
}

static void modes_are_those_of_nix(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct image_inode *inode = inode_of(&open.image, "text");
    inode->mode = 0644;
    CHECK_STR(find(&open.image, &arena), PACKAGE "/text: mode 0644, expected 0444");
    inode->mode = 0755;
    CHECK_STR(find(&open.image, &arena), PACKAGE "/text: mode 0755, expected 0555");
    inode->mode = 0555;
    CHECK_STR(find(&open.image, &arena), "");
    inode_of(&open.image, NULL)->mode = 0755;
    CHECK_STR(find(&open.image, &arena), PACKAGE ": mode 0755, expected 0555");
}

/* A number that another inode has, too, does not lead to it either. */
static void numbers_are_there_once(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    open.image.tree.inodes[0].number = open.image.tree.inodes[1].number;
    CHECK(str_starts(find(&open.image, &arena),
                     STR("\ninode table: 1 inodes are not numbered as they should be\n")));
    open.image.tree.inodes[0].number = UINT32_MAX;
    CHECK(str_starts(find(&open.image, &arena),
                     STR("\ninode table: 1 inodes are not numbered as they should be")));
}

static void the_super_block_has_no_surprises(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct image_super *super = &open.image.file.super;
    uint16_t flags = super->flags;
    super->flags ^= 1;
    CHECK_STR(
        find(&open.image, &arena),
        arena_format(&arena, "\nsuper block: flags 0x%04x, expected 0x%04x", super->flags, flags));
    super->flags = flags;
    super->modified_seconds = 0;
    CHECK_STR(find(&open.image, &arena), "\nsuper block: time 0, expected 1");
    super->modified_seconds = 1;
    super->attribute_table = 100;
    CHECK_STR(find(&open.image, &arena), "\nsuper block: there is a table of extended attributes");
    super->attribute_table = IMAGE_NO_TABLE;
    super->id_count = 2;
    CHECK_STR(find(&open.image, &arena), "\nid table: there are other owners than 0");
}

/* Both spellings are right: libsquashfs sets a flag where no fragment block is compressed, mksquashfs
 * does not. */
/* The options of a compressor stand in a stored block, after its header of two bytes. An image of lz4
 * has some, whose bytes are changed; so its checksum is wrong, too. */
static void options_are_those_that_the_builder_writes(struct arena arena)
{
    enum { GZIP = 1, LZMA = 2, XZ = 4, LZ4 = 5, ZSTD = 6, MOST = 10 };
    static const char wrong[] = "not what the builder writes";
    static const struct {
        uint16_t compression, size;
        unsigned char bytes[MOST];
        const char *finding;
    } rows[] = {
        { GZIP, 10, { 8, 0x80, 9, 0, 0, 0, 15 }, NULL },
        { GZIP, 10, { 8, 0x80, 10, 0, 0, 0, 15 }, wrong },
        { GZIP, 10, { 8, 0x80, 0, 0, 0, 0, 15 }, wrong },
        { GZIP, 10, { 8, 0x80, 9, 0, 0, 0, 14 }, wrong },
        { GZIP, 10, { 8, 0x80, 9, 0, 0, 0, 15, 0, 1 }, wrong },
        { GZIP, 6, { 4, 0x80, 9 }, wrong },
        { XZ, 10, { 8, 0x80, 0, 0, 1 }, NULL },
        { XZ, 10, { 8, 0x80, 1, 0, 1 }, wrong },
        { XZ, 10, { 8, 0x80, 0, 0, 0, 1 }, wrong },
        { XZ, 10, { 8, 0x80, 0, 0, 1, 0, 1 }, wrong },
        { XZ, 6, { 4, 0x80, 0, 0, 1 }, wrong },
        { LZ4, 10, { 8, 0x80, 1, 0, 0, 0, 1 }, NULL },
        { LZ4, 10, { 8, 0x80, 2 }, wrong },
        { LZ4, 10, { 8, 0x80, 1, 0, 0, 0, 2 }, wrong },
        { LZ4, 10, { 8, 0, 1 }, wrong },
        { LZ4, 6, { 4, 0x80, 1 }, wrong },
        { LZ4, 11, { 8, 0x80, 1 }, "they are too long" },
        { ZSTD, 6, { 4, 0x80, 22 }, NULL },
        { ZSTD, 6, { 4, 0x80, 23 }, wrong },
        { ZSTD, 10, { 8, 0x80, 22 }, wrong },
        { LZMA, 10, { 8, 0x80, 1 }, wrong },
    };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("lz4", &arena, &open))
        return;
    struct image_range *range = &open.image.ranges[1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("row %zu", i);
        CHECK_NUMBER(pwrite(open.image.file.fd, rows[i].bytes, MOST, (off_t)range->start), MOST);
        range->end = range->start + rows[i].size;
        open.image.file.super.compression = rows[i].compression;
        struct arena scratch = arena;
        struct str found = find(&open.image, &scratch);
        const char *at = strstr(found.data, "\ncompressor options: ");
        CHECK((at != NULL) == (rows[i].finding != NULL));
        CHECK(!at || strstr(at, rows[i].finding));
    }
}

static void stored_fragments_may_be_said_or_not(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    open.image.file.super.flags |= IMAGE_STORED_FRAGMENTS;
    CHECK(find(&open.image, &arena).len > 0);
    open.image.fragments[0].block.is_stored = true;
    CHECK_STR(find(&open.image, &arena), "");
    open.image.file.super.flags &= (uint16_t)~IMAGE_STORED_FRAGMENTS;
    CHECK_STR(find(&open.image, &arena), "");
}

static void without_an_export_table_it_is_told(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    open.image.tables[IMAGE_EXPORTS].bytes = NULL;
    CHECK_STR(find(&open.image, &arena), "\nexport table: there is none");
}

int main(void)
{
    return CHECK_ALL(
        CASE(what_the_builder_makes_is_in_order), CASE(each_field_of_a_file_has_one_right_value),
        CASE(modes_are_those_of_nix), CASE(numbers_are_there_once),
        CASE(the_super_block_has_no_surprises), CASE(options_are_those_that_the_builder_writes),
        CASE(stored_fragments_may_be_said_or_not), CASE(without_an_export_table_it_is_told));
}
