#include "tests/check_image.h"

#include "builder/check/image_check_places.h"

#include <unistd.h>

/* What stands where is changed in what was read of an image, or behind its end in the file. */

static struct str join(const struct findings *findings, struct arena *arena)
{
    struct str all = STR("");
    for (size_t i = 0; i < findings->count; i++)
        all = arena_format(arena, "%.*s\n%.*s: %.*s", STR_ARG(all),
                           STR_ARG(findings->items[i].subject), STR_ARG(findings->items[i].text));
    return all;
}

static struct str find_places(const struct image *image, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct checking checking = { image, 0, STR("/nix/store"), arena, &findings };
    image_check_places(&checking);
    return join(&findings, arena);
}

static struct str find_fragments(const struct image *image, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct checking checking = { image, 0, STR("/nix/store"), arena, &findings };
    image_check_fragments(&checking);
    return join(&findings, arena);
}

/* The index of the last range, which ends where what is in use does. */
static struct image_range *last_range(struct image *image)
{
    struct image_range *last = &image->ranges[0];
    for (size_t i = 1; i < image->range_count; i++)
        if (image->ranges[i].end > last->end)
            last = &image->ranges[i];
    return last;
}

static void a_gap_and_an_overlap_are_found(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    CHECK_STR(find_places(&open.image, &arena), "");
    struct image_range *last = last_range(&open.image);
    unsigned long long start = last->start;
    last->start++;
    CHECK_STR(find_places(&open.image, &arena),
              arena_format(&arena, "\n%s: bytes %llu to %llu before it belong to nothing",
                           last->what, start, start));
    last->start -= 2;
    CHECK_STR(find_places(&open.image, &arena),
              arena_format(&arena, "\n%s: it starts at byte %llu, within what is before it",
                           last->what, start - 1));
}

static void an_end_in_another_place_is_found(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    unsigned long long used = open.image.file.super.used_bytes;
    last_range(&open.image)->end -= 3;
    CHECK_STR(find_places(&open.image, &arena),
              arena_format(&arena, "\nsuper block: %llu bytes are in use, and it says %llu",
                           used - 3, used));
}

/* Of "plain" the file with blocks of its own is named twice, as equal files are. */
static void equal_files_share_their_blocks(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("plain", &arena, &open))
        return;
    struct str before = find_places(&open.image, &arena);
    struct image_tree *tree = &open.image.tree;
    struct image_inode *inodes = arena_new(&arena, struct image_inode, tree->inode_count + 1);
    size_t blocks = 0;
    for (size_t i = 0; i < tree->inode_count; i++) {
        inodes[i] = tree->inodes[i];
        if (inodes[i].block_count > inodes[blocks].block_count)
            blocks = i;
    }
    inodes[tree->inode_count] = inodes[blocks];
    CHECK(inodes[blocks].block_count > 1);
    tree->inodes = inodes;
    tree->inode_count++;
    tree->stored_block_count += inodes[blocks].block_count;
    CHECK_STR(find_places(&open.image, &arena), before);
}

static void a_part_of_a_fragment_block_without_file_is_found(struct arena arena)
{
    static const char sentence[] = "\nfragment block: a part of number 0 belongs to no file";
    size_t found = 0;
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    CHECK_STR(find_fragments(&open.image, &arena), "");
    open.image.fragments[0].unused = 1;
    CHECK_STR(find_fragments(&open.image, &arena),
              "\nfragment table: a field without use of number 0 is not 0");
    open.image.fragments[0].unused = 0;
    open.image.fragments[0].unpacked_bytes++;
    CHECK_STR(find_fragments(&open.image, &arena), sentence);
    open.image.fragments[0].unpacked_bytes--;
    for (size_t i = 0; i < open.image.tree.inode_count; i++) {
        struct image_inode *inode = &open.image.tree.inodes[i];
        if (image_tree_tail_bytes(&open.image.file, inode) == 0)
            continue;
        uint32_t fragment = inode->fragment;
        inode->fragment = (uint32_t)IMAGE_NO_FRAGMENT;
        struct arena scratch = arena;
        struct str told = find_fragments(&open.image, &scratch); /* equal files share a part */
        CHECK(told.len == 0 || str_equal(told, str_from(sentence)));
        found += told.len > 0;
        inode->fragment = fragment;
    }
    CHECK(found > 0);
}

static struct str find_trailer(struct image *image, uint32_t checksum, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct checking checking = { image, checksum, STR("/nix/store"), arena, &findings };
    CHECK_DONE(image_check_trailer(&checking, check_error));
    return join(&findings, arena);
}

static void what_follows_the_image_is_checked(struct arena arena)
{
    uint32_t checksum = 0;
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct image_file *file = &open.image.file;
    unsigned long long size = file->size_bytes;
    CHECK_DONE(image_checksum(&open.image, arena, &checksum, check_error));
    CHECK_STR(find_trailer(&open.image, checksum, &arena), "");
    CHECK_STR(find_trailer(&open.image, checksum + 1, &arena),
              "\nchecksum: it is not that of the image");
    CHECK(pwrite(open.fd, "x", 1, (off_t)file->super.used_bytes) == 1);
    CHECK_STR(find_trailer(&open.image, checksum, &arena),
              "\npadding: it is neither of zeros nor a record and a checksum");
    file->size_bytes -= 4;
    CHECK(find_trailer(&open.image, checksum, &arena).len > 0);
    file->size_bytes = size;
    CHECK(ftruncate(open.fd, (off_t)file->super.used_bytes) == 0 &&
          ftruncate(open.fd, (off_t)size) == 0);
    CHECK_STR(find_trailer(&open.image, checksum, &arena), "");
}

/* Each byte that is in use counts. */
static void the_checksum_is_of_every_byte(struct arena arena)
{
    uint32_t before = 0, after = 0;
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("gzip", &arena, &open))
        return;
    CHECK_DONE(image_checksum(&open.image, arena, &before, check_error));
    for (off_t at = 0; at < (off_t)open.image.file.super.used_bytes; at += 11) {
        unsigned char byte, other;
        CHECK(pread(open.fd, &byte, 1, at) == 1);
        other = byte ^ 1;
        CHECK(pwrite(open.fd, &other, 1, at) == 1);
        CHECK_DONE(image_checksum(&open.image, arena, &after, check_error));
        CHECK(before != after);
        CHECK(pwrite(open.fd, &byte, 1, at) == 1);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_gap_and_an_overlap_are_found), CASE(an_end_in_another_place_is_found),
                     CASE(equal_files_share_their_blocks),
                     CASE(a_part_of_a_fragment_block_without_file_is_found),
                     CASE(what_follows_the_image_is_checked), CASE(the_checksum_is_of_every_byte));
}
