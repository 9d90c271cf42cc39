#include "builder/image_check.h"

#include "builder/squashfs.h"

#include <libdeflate.h>

#include <stdlib.h>
#include <string.h>

enum { TIME_SECONDS = 1 };

struct checking {
    const struct image *image;
    uint32_t checksum;
    struct arena *arena;
    struct image_findings *findings;
};

/* --- Findings --------------------------------------------------------------------------------- */

static void add(const struct checking *checking, bool is_of_file, struct str subject,
                struct str text)
{
    struct image_findings *findings = checking->findings;
    findings->items = arena_grow(checking->arena, findings->items, findings->count,
                                 &findings->capacity, sizeof *findings->items);
    findings->items[findings->count++] = (struct image_finding){ is_of_file, subject, text };
}

/* About the image. */
static void find(const struct checking *checking, const char *what, struct str text)
{
    add(checking, false, str_from(what), text);
}

static unsigned long long wide(uint64_t number)
{
    return number;
}

/* --- Places ----------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int compare_ranges(const void *left, const void *right)
{
    const struct image_range *a = left, *b = right;
    int order = compare_numbers(a->start, b->start);
    return order ? order : compare_numbers(a->end, b->end);
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

/* All parts of the image, ascending. */
static struct image_range *list_ranges(const struct image *image, struct arena *arena,
                                       size_t *ret_count)
{
    const struct image_tree *tree = &image->tree;
    size_t count = image->range_count, most = image->range_count + image->fragment_count;
    for (size_t i = 0; i < tree->inode_count; i++)
        most += tree->inodes[i].block_count;
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

static void check_places(const struct checking *checking)
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
            find(checking, range->what,
                 arena_format(arena, "bytes %llu to %llu before it belong to nothing", wide(at),
                              wide(range->start - 1)));
        if (range->start < at)
            find(checking, range->what,
                 arena_format(arena, "it starts at byte %llu, within what is before it",
                              wide(range->start)));
        if (range->end > at)
            at = range->end;
    }
    if (at != checking->image->file.super.used_bytes)
        find(checking, "super block",
             arena_format(arena, "%llu bytes are in use, and it says %llu", wide(at),
                          wide(checking->image->file.super.used_bytes)));
}

bool image_checksum(const struct image *image, struct arena scratch, uint32_t *ret_checksum,
                    struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    const struct image_file *file = &image->file;
    unsigned char *buffer = arena_room(&scratch, BUFFER_BYTES);
    uint32_t checksum = 0;
    uint64_t used = file->super.used_bytes;
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

static bool is_zero(const unsigned char *bytes, size_t count)
{
    bool zero = true;
    for (size_t i = 0; i < count; i++)
        zero = zero && bytes[i] == 0;
    return zero;
}

/* What stands behind the image: zeros, and where our builder made it a checksum at the end. */
static void check_end(const struct checking *checking, const unsigned char *bytes, size_t size)
{
    size_t magic_bytes = SQUASHFS_CHECKSUM_BYTES - sizeof(uint32_t);
    if (is_zero(bytes, size))
        return;
    if (size < SQUASHFS_CHECKSUM_BYTES || !is_zero(bytes, size - SQUASHFS_CHECKSUM_BYTES) ||
        memcmp(bytes + size - SQUASHFS_CHECKSUM_BYTES, SQUASHFS_CHECKSUM_MAGIC, magic_bytes) != 0) {
        find(checking, "padding", STR("it is neither of zeros nor a checksum"));
        return;
    }
    if (image_u32(bytes + size - sizeof(uint32_t)) != checking->checksum)
        find(checking, "checksum", STR("it is not that of the image"));
}

static bool check_padding(const struct checking *checking, struct error *error)
{
    unsigned char bytes[2 * IMAGE_ALIGN_BYTES];
    const struct image_file *file = &checking->image->file;
    uint64_t used = file->super.used_bytes;
    uint64_t least = (IMAGE_ALIGN_BYTES - used % IMAGE_ALIGN_BYTES) % IMAGE_ALIGN_BYTES;
    uint64_t padding = file->size_bytes - used;
    bool wider = least < SQUASHFS_CHECKSUM_BYTES && padding == least + IMAGE_ALIGN_BYTES;
    if (padding != least && !wider) {
        find(checking, "padding",
             arena_format(checking->arena, "the image has %llu bytes, expected %llu",
                          wide(file->size_bytes), wide(used + least)));
        return true;
    }
    if (!image_file_read(file, used, bytes, (size_t)padding, error))
        return false;
    check_end(checking, bytes, (size_t)padding);
    return true;
}

/* --- The super block and the options ---------------------------------------------------------- */

static void check_flags(const struct checking *checking)
{
    const struct image *image = checking->image;
    unsigned flags = image->file.super.flags;
    unsigned expected = IMAGE_DEDUPLICATED | IMAGE_EXPORTABLE | IMAGE_NO_EXTENDED_ATTRIBUTES;
    expected |= image->fragment_count == 0 ? IMAGE_NO_FRAGMENTS : IMAGE_ALWAYS_FRAGMENTS;
    expected |= flags & IMAGE_COMPRESSOR_OPTIONS;
    if (flags != expected)
        find(checking, "super block",
             arena_format(checking->arena, "flags 0x%04x, expected 0x%04x", flags, expected));
}

static void check_super(const struct checking *checking)
{
    const struct image *image = checking->image;
    const struct image_super *super = &image->file.super;
    check_flags(checking);
    if (super->modified_seconds != TIME_SECONDS)
        find(checking, "super block",
             arena_format(checking->arena, "time %u, expected %d", super->modified_seconds,
                          TIME_SECONDS));
    if (super->attribute_table != IMAGE_NO_TABLE)
        find(checking, "super block", STR("there is a table of extended attributes"));
    if (super->id_count != 1 || image_u32(image->tables[IMAGE_IDS].bytes) != 0)
        find(checking, "id table", STR("there are other owners than 0"));
    if (image->fragment_count == 0 && super->fragment_table != IMAGE_NO_TABLE &&
        super->fragment_table != image->tables[IMAGE_EXPORTS].range.start)
        find(checking, "super block", STR("the place of a fragment table that is not there"));
}

static bool is_within(uint32_t number, uint32_t least, uint32_t most)
{
    return number >= least && number <= most;
}

static bool are_options_right(const struct image_super *super, const unsigned char *options,
                              size_t length)
{
    enum {
        GZIP = 1,
        LZO = 3,
        XZ = 4,
        LZ4 = 5,
        ZSTD = 6,
        WINDOW_BITS = 15,
        LZO1X_999 = 4,
        LZ4_VERSION = 1,
        LEVEL_MOST = 22
    };
    switch (super->compression) {
    case GZIP:
        return length == 8 && is_within(image_u32(options), 1, 9) &&
               image_u16(options + 4) == WINDOW_BITS && image_u16(options + 6) == 0;
    case LZO:
        return length == 8 && image_u32(options) == LZO1X_999 &&
               is_within(image_u32(options + 4), 1, 9);
    case XZ:
        return length == 8 && is_within(image_u32(options), 1, super->block_bytes) &&
               (image_u32(options) & (image_u32(options) - 1)) == 0 && image_u32(options + 4) == 0;
    case LZ4:
        return length == 8 && image_u32(options) == LZ4_VERSION && image_u32(options + 4) <= 1;
    case ZSTD:
        return length == 4 && is_within(image_u32(options), 1, LEVEL_MOST);
    default:
        return false;
    }
}

static bool check_options(const struct checking *checking, struct error *error)
{
    enum { OPTIONS_MOST = 2 + 8 };
    static const unsigned stored_bit = 0x8000;
    unsigned char bytes[OPTIONS_MOST];
    const struct image_range *range = &checking->image->ranges[1];
    if (!(checking->image->file.super.flags & IMAGE_COMPRESSOR_OPTIONS))
        return true;
    size_t size = (size_t)(range->end - range->start);
    if (size > sizeof bytes) {
        find(checking, range->what, STR("they are too long"));
        return true;
    }
    if (!image_file_read(&checking->image->file, range->start, bytes, size, error))
        return false;
    if (!(image_u16(bytes) & stored_bit) ||
        !are_options_right(&checking->image->file.super, bytes + 2, size - 2))
        find(checking, range->what, STR("not what the builder writes"));
    return true;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

static void check_exports(const struct checking *checking)
{
    const struct image *image = checking->image;
    const struct image_table *exports = &image->tables[IMAGE_EXPORTS];
    const struct image_table *table = &image->tree.inode_table;
    for (size_t i = 0; exports->bytes && i < image->tree.inode_count; i++) {
        const struct image_inode *inode = &image->tree.inodes[i];
        if (inode->number == 0 || inode->number > image->tree.inode_count)
            continue;
        uint64_t reference = image_u64(exports->bytes + 8 * ((size_t)inode->number - 1));
        if (image_table_find(table, reference >> 16, reference & 0xffff) != inode->position)
            find(checking, "export table",
                 arena_format(checking->arena, "inode %u is not where it says", inode->number));
    }
    if (!exports->bytes)
        find(checking, "export table", STR("there is none"));
}

static void check_numbers(const struct checking *checking)
{
    const struct image_tree *tree = &checking->image->tree;
    struct arena scratch = *checking->arena;
    bool *seen = arena_new(&scratch, bool, tree->inode_count + 1);
    size_t wrong = 0;
    for (size_t i = 0; i < tree->inode_count; i++) {
        uint32_t number = tree->inodes[i].number;
        if (number == 0 || number > tree->inode_count || seen[number])
            wrong++;
        else
            seen[number] = true;
    }
    if (wrong)
        find(checking, "inode table",
             arena_format(checking->arena, "%zu inodes are not numbered as they should be", wrong));
}

/* --- Files ------------------------------------------------------------------------------------ */

static unsigned expected_mode(const struct image_inode *inode)
{
    switch (inode->kind) {
    case IMAGE_LINK:
        return 0777;
    case IMAGE_DIRECTORY:
        return inode->node == 0 ? 0755 : 0555;
    case IMAGE_REGULAR:
        break;
    }
    return inode->mode & 0100 ? 0555 : 0444;
}

static uint32_t expected_links(const struct image_tree *tree, const struct image_inode *inode)
{
    const struct image_node *node = &tree->nodes[inode->node];
    uint32_t links = 2;
    if (inode->kind != IMAGE_DIRECTORY)
        return inode->name_count;
    for (uint32_t i = 0; i < node->child_count; i++)
        links += tree->inodes[tree->nodes[node->first_child + i].inode].kind == IMAGE_DIRECTORY;
    return links;
}

/* What is wrong, one after the other. */
struct complaint {
    struct arena *arena;
    struct str text;
};

static void complain(struct complaint *complaint, const char *what, uint64_t found,
                     uint64_t expected)
{
    if (found != expected)
        complaint->text =
            arena_format(complaint->arena, "%.*s%s%s %llu, expected %llu", STR_ARG(complaint->text),
                         complaint->text.len ? "; " : "", what, wide(found), wide(expected));
}

static void check_directory(const struct image_tree *tree, const struct image_inode *inode,
                            size_t listing, struct complaint *complaint)
{
    uint32_t parent = tree->nodes[inode->node].parent;
    complain(complaint, "parent", inode->parent_number,
             inode->node == 0 ? tree->inode_count + 1
                              : tree->inodes[tree->nodes[parent].inode].number);
    complain(complaint, "place of its listing", inode->listing, listing);
}

static void check_file(const struct image_inode *inode, struct complaint *complaint)
{
    bool has_fragment = inode->fragment != (uint32_t)IMAGE_NO_FRAGMENT;
    if (inode->block_count == 0)
        complain(complaint, "place of no blocks", inode->first_block, 0);
    if (!has_fragment && inode->fragment_offset != 0)
        complain(complaint, "place in no fragment", inode->fragment_offset, UINT32_MAX);
    /* Of a file that is a hole as a whole mksquashfs says one byte less. */
    bool is_hole = inode->hole_bytes > 0 && inode->hole_bytes == inode->size_bytes;
    if (inode->sparse_bytes != IMAGE_SPARSE_UNSAID &&
        !(is_hole && inode->sparse_bytes == inode->hole_bytes - 1))
        complain(complaint, "bytes in holes", inode->sparse_bytes, inode->hole_bytes);
}

static void check_inodes(const struct checking *checking)
{
    const struct image_tree *tree = &checking->image->tree;
    size_t listing = 0;
    for (size_t i = 0; i < tree->inode_count; i++) {
        const struct image_inode *inode = &tree->inodes[i];
        struct complaint complaint = { .arena = checking->arena };
        if (inode->mode != expected_mode(inode))
            complaint.text = arena_format(checking->arena, "mode %04o, expected %04o", inode->mode,
                                          expected_mode(inode));
        complain(&complaint, "owner", inode->owner, 0);
        complain(&complaint, "group", inode->group, 0);
        complain(&complaint, "time", inode->modified_seconds, TIME_SECONDS);
        complain(&complaint, "links", inode->link_count, expected_links(tree, inode));
        complain(&complaint, "attributes", inode->attributes, (uint32_t)IMAGE_NO_ATTRIBUTES);
        if (inode->kind == IMAGE_DIRECTORY) {
            check_directory(tree, inode, listing, &complaint);
            listing += (size_t)inode->size_bytes;
        } else if (inode->kind == IMAGE_REGULAR) {
            check_file(inode, &complaint);
        }
        if (complaint.text.len)
            add(checking, true, image_tree_path(tree, inode->node, checking->arena),
                complaint.text);
    }
    if (listing != tree->directory_table.size_bytes)
        find(checking, "directory table", STR("a part of it belongs to no directory"));
}

/* --- Fragments -------------------------------------------------------------------------------- */

/* What a file has of a fragment block. */
struct slice {
    uint32_t fragment, start, end;
};

static int compare_slices(const void *left, const void *right)
{
    const struct slice *a = left, *b = right;
    int order = compare_numbers(a->fragment, b->fragment);
    return order ? order : compare_numbers(a->start, b->start);
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
    /* What could not be read was told already. */
    if (!is_covered || count == 0 || (size && at != size))
        find(checking, "fragment block",
             arena_format(checking->arena, "a part of number %u belongs to no file", fragment));
    if (checking->image->fragments[fragment].unused)
        find(checking, "fragment table",
             arena_format(checking->arena, "a field without use of number %u is not 0", fragment));
}

static void check_fragments(const struct checking *checking)
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

bool image_check(const struct image *image, uint32_t checksum, struct arena *arena,
                 struct image_findings *findings, struct error *error)
{
    struct checking checking = { image, checksum, arena, findings };
    check_super(&checking);
    check_places(&checking);
    check_numbers(&checking);
    check_exports(&checking);
    check_inodes(&checking);
    check_fragments(&checking);
    return check_options(&checking, error) && check_padding(&checking, error);
}
