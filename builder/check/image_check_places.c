#include "builder/check/image_check_places.h"

#include "builder/reader/image_trailer.h"

#include "schema/base/order.h"

#include <libdeflate.h>

#include <stdlib.h>
#include <string.h>

static unsigned long long wide(uint64_t number)
{
    return number;
}

/* --- Ranges ----------------------------------------------------------------------------------- */

static int compare_ranges(const void *left, const void *right)
{
    const struct image_range *a = left, *b = right;
    int order = order_numbers(a->start, b->start);
    return order ? order : order_numbers(a->end, b->end);
}

static void add_blocks(const struct image_inode *inode, struct image_range *ranges, size_t *count)
{
    uint64_t at = inode->first_block;
    for (uint32_t i = 0; i < inode->block_count; i++) {
        struct image_block block = image_tree_block(inode, i, at);
        at += block.packed_bytes;
        if (block.packed_bytes > 0)
            ranges[(*count)++] = (struct image_range){ block.start, at, "file data" };
    }
}

/* Lists all parts of the image in ascending order. */
static struct image_range *list_ranges(const struct image *image, struct arena *arena,
                                       size_t *ret_count)
{
    const struct image_tree *tree = &image->tree;
    size_t count = image->range_count;
    size_t most = count + image->fragment_count + tree->stored_block_count;
    struct image_range *ranges = arena_new(arena, struct image_range, most);
    memcpy(ranges, image->ranges, image->range_count * sizeof *ranges);
    for (size_t i = 0; i < tree->inode_count; i++)
        add_blocks(&tree->inodes[i], ranges, &count);
    for (size_t i = 0; i < image->fragment_count; i++) {
        const struct image_block *block = &image->fragments[i].block;
        ranges[count++] = (struct image_range){ block->start, block->start + block->packed_bytes,
                                                "fragment block" };
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    *ret_count = count;
    return ranges;
}

/* Files of equal content share their blocks. */
static bool is_shared(const struct image_range *before, const struct image_range *range)
{
    return before->start == range->start && before->end == range->end &&
           strcmp(before->what, "file data") == 0 && strcmp(range->what, "file data") == 0;
}

void image_check_places(const struct checking *checking)
{
    size_t count;
    uint64_t at = 0;
    struct arena *arena = checking->arena;
    const struct image_range *ranges = list_ranges(checking->image, arena, &count);
    for (size_t i = 0; i < count; i++) {
        const struct image_range *range = &ranges[i];
        if (i > 0 && is_shared(&ranges[i - 1], range))
            continue;
        if (range->start > at)
            image_found(checking, range->what, "bytes %llu to %llu before it belong to nothing",
                        wide(at), wide(range->start - 1));
        if (range->start < at)
            image_found(checking, range->what, "it starts at byte %llu, within what is before it",
                        wide(range->start));
        if (range->end > at)
            at = range->end;
    }
    if (at != checking->image->file.super.used_bytes)
        image_found(checking, "super block", "%llu bytes are in use, and it says %llu", wide(at),
                    wide(checking->image->file.super.used_bytes));
}

bool image_checksum(const struct image *image, struct arena scratch, uint32_t *ret_checksum,
                    struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    const struct image_file *file = &image->file;
    unsigned char *buffer = arena_room(&scratch, BUFFER_BYTES);
    uint32_t checksum = 0;
    uint64_t used = file->super.used_bytes;
    if (!budget_spend(&file->budget->contents, used, error))
        return false;
    for (uint64_t at = IMAGE_SUPER_BYTES; at < used;) {
        size_t some = used - at < BUFFER_BYTES ? (size_t)(used - at) : BUFFER_BYTES;
        if (!image_file_read(file, at, buffer, some, error))
            return false;
        checksum = libdeflate_crc32(checksum, buffer, some);
        at += some;
    }
    if (!image_file_read(file, 0, buffer, IMAGE_SUPER_BYTES, error))
        return false;
    *ret_checksum = libdeflate_crc32(checksum, buffer, IMAGE_SUPER_BYTES);
    return true;
}

static void check_trailer(const struct checking *checking, const struct image_trailer *trailer)
{
    const struct image_file *file = &checking->image->file;
    uint64_t used = file->super.used_bytes, size = file->size_bytes - used;
    uint64_t least = (IMAGE_ALIGN_BYTES - used % IMAGE_ALIGN_BYTES) % IMAGE_ALIGN_BYTES;
    bool has_checksum = trailer->kind == IMAGE_TRAILER_CHECKSUM;
    uint64_t expected = has_checksum ? image_trailer_bytes(used, trailer->record.len) : least;
    if (size != expected)
        image_found(checking, "padding", "the image has %llu bytes, expected %llu",
                    wide(file->size_bytes), wide(used + expected));
    else if (trailer->kind == IMAGE_TRAILER_UNKNOWN)
        image_found(checking, "padding", "it is neither of zeros nor a record and a checksum");
    else if (has_checksum &&
             trailer->checksum != image_trailer_checksum(trailer, checking->checksum))
        image_found(checking, "checksum", "it is not that of the image");
}

bool image_check_trailer(const struct checking *checking, struct error *error)
{
    struct image_trailer trailer;
    if (!image_trailer_read(&checking->image->file, checking->arena, &trailer, error))
        return false;
    check_trailer(checking, &trailer);
    return true;
}

/* --- Fragments -------------------------------------------------------------------------------- */

/* The part of a fragment block that belongs to a file. */
struct slice {
    uint32_t fragment, start, end;
};

static int compare_slices(const void *left, const void *right)
{
    const struct slice *a = left, *b = right;
    int order = order_numbers(a->fragment, b->fragment);
    return order ? order : order_numbers(a->start, b->start);
}

static void check_fragment(const struct checking *checking, uint32_t fragment,
                           const struct slice *slices, size_t count)
{
    uint32_t at = 0, size = image_fragment_bytes(checking->image, fragment);
    bool is_covered = true;
    for (size_t i = 0; i < count; i++) {
        is_covered = is_covered && slices[i].start <= at;
        if (slices[i].end > at)
            at = slices[i].end;
    }
    /* The size is 0 if the block could not be read. That was already reported. */
    if (!is_covered || count == 0 || (size && at != size))
        image_found(checking, "fragment block", "a part of number %u belongs to no file", fragment);
    if (checking->image->fragments[fragment].unused)
        image_found(checking, "fragment table", "a field without use of number %u is not 0",
                    fragment);
}

void image_check_fragments(const struct checking *checking)
{
    const struct image *image = checking->image;
    const struct image_tree *tree = &image->tree;
    struct slice *slices = arena_new(checking->arena, struct slice, tree->inode_count);
    size_t count = 0;
    for (size_t i = 0; i < tree->inode_count; i++) {
        const struct image_inode *inode = &tree->inodes[i];
        uint32_t tail = image_tree_tail_bytes(&image->file, inode);
        if (tail)
            slices[count++] = (struct slice){ inode->fragment, inode->fragment_offset,
                                              inode->fragment_offset + tail };
    }
    if (count)
        qsort(slices, count, sizeof *slices, compare_slices);
    size_t start = 0;
    for (uint32_t fragment = 0; fragment < image->fragment_count; fragment++) {
        size_t end = start;
        while (end < count && slices[end].fragment == fragment)
            end++;
        check_fragment(checking, fragment, slices + start, end - start);
        start = end;
    }
}
