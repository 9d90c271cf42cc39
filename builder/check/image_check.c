#include "builder/check/image_check.h"

#include "builder/check/image_check_places.h"

#include "schema/base/little_endian.h"

#include <stdlib.h>
#include <string.h>

enum { TIME_SECONDS = 1 };

/* --- The super block and the options ---------------------------------------------------------- */

/* Are all fragment blocks stored uncompressed? In that case libsquashfs sets a flag and mksquashfs
 * does not, so both are accepted. */
static bool are_fragments_stored(const struct image *image)
{
    for (size_t i = 0; i < image->fragment_count; i++)
        if (!image->fragments[i].block.is_stored)
            return false;
    return image->fragment_count > 0;
}

static void check_flags(const struct checking *checking)
{
    const struct image *image = checking->image;
    unsigned flags = image->file.super.flags;
    unsigned expected = IMAGE_DEDUPLICATED | IMAGE_EXPORTABLE | IMAGE_NO_EXTENDED_ATTRIBUTES;
    expected |= image->fragment_count == 0 ? IMAGE_NO_FRAGMENTS : IMAGE_ALWAYS_FRAGMENTS;
    expected |= flags & IMAGE_COMPRESSOR_OPTIONS;
    if (are_fragments_stored(image))
        expected |= flags & IMAGE_STORED_FRAGMENTS;
    if (flags != expected)
        image_found(checking, "super block", "flags 0x%04x, expected 0x%04x", flags, expected);
}

static void check_super(const struct checking *checking)
{
    const struct image *image = checking->image;
    const struct image_super *super = &image->file.super;
    check_flags(checking);
    if (super->modified_seconds != TIME_SECONDS)
        image_found(checking, "super block", "time %u, expected %d", super->modified_seconds,
                    TIME_SECONDS);
    if (super->attribute_table != IMAGE_NO_TABLE)
        image_found(checking, "super block", "there is a table of extended attributes");
    if (super->id_count != 1 || little_32(image->tables[IMAGE_IDS].bytes) != 0)
        image_found(checking, "id table", "there are other owners than 0");
    if (image->fragment_count == 0 && super->fragment_table != IMAGE_NO_TABLE &&
        super->fragment_table != image->tables[IMAGE_EXPORTS].range.start)
        image_found(checking, "super block", "the place of a fragment table that is not there");
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
        XZ = 4,
        LZ4 = 5,
        ZSTD = 6,
        WINDOW_BITS = 15,
        LZ4_VERSION = 1,
        LEVEL_MOST = 22
    };
    switch (super->compression) {
    case GZIP:
        return length == 8 && is_within(little_32(options), 1, 9) &&
               little_16(options + 4) == WINDOW_BITS && little_16(options + 6) == 0;
    case XZ:
        return length == 8 && is_within(little_32(options), 1, super->block_bytes) &&
               (little_32(options) & (little_32(options) - 1)) == 0 && little_32(options + 4) == 0;
    case LZ4:
        return length == 8 && little_32(options) == LZ4_VERSION && little_32(options + 4) <= 1;
    case ZSTD:
        return length == 4 && is_within(little_32(options), 1, LEVEL_MOST);
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
        image_found(checking, range->what, "they are too long");
        return true;
    }
    if (!image_file_read(&checking->image->file, range->start, bytes, size, error))
        return false;
    if (!(little_16(bytes) & stored_bit) ||
        !are_options_right(&checking->image->file.super, bytes + 2, size - 2))
        image_found(checking, range->what, "not what the builder writes");
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
        uint64_t reference = little_64(exports->bytes + 8 * ((size_t)inode->number - 1));
        if (image_table_find(table, reference >> 16, reference & 0xffff) != inode->position)
            image_found(checking, "export table", "inode %u is not where it says", inode->number);
    }
    if (!exports->bytes)
        image_found(checking, "export table", "there is none");
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
        image_found(checking, "inode table", "%zu inodes are not numbered as they should be",
                    wrong);
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

/* Collects what is wrong with one inode in one sentence. */
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
                         complaint->text.len ? "; " : "", what, (unsigned long long)found,
                         (unsigned long long)expected);
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
    /* For a file that is one hole, mksquashfs writes one byte less. */
    bool is_hole = inode->hole_bytes > 0 && inode->hole_bytes == inode->size_bytes;
    if (inode->sparse_bytes != IMAGE_SPARSE_UNSAID &&
        !(is_hole && inode->sparse_bytes == inode->hole_bytes - 1))
        complain(complaint, "bytes in holes", inode->sparse_bytes, inode->hole_bytes);
}

static void add_complaint(const struct checking *checking, const struct image_inode *inode,
                          struct str text, struct arena scratch)
{
    struct str below = image_tree_path(&checking->image->tree, inode->node, &scratch);
    struct str path = arena_format(&scratch, "%s/%.*s", checking->store_dir.data, STR_ARG(below));
    findings_add(checking->findings, FINDING_METADATA, path, text);
}

static void check_inodes(const struct checking *checking)
{
    const struct image_tree *tree = &checking->image->tree;
    size_t listing = 0;
    for (size_t i = 0; i < tree->inode_count; i++) {
        const struct image_inode *inode = &tree->inodes[i];
        struct arena scratch = *checking->arena;
        struct complaint complaint = { .arena = &scratch };
        if (inode->mode != expected_mode(inode))
            complaint.text = arena_format(&scratch, "mode %04o, expected %04o", inode->mode,
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
            add_complaint(checking, inode, complaint.text, scratch);
    }
    if (listing != tree->directory_table.size_bytes)
        image_found(checking, "directory table", "a part of it belongs to no directory");
}

bool image_check(const struct checking *checking, struct error *error)
{
    check_super(checking);
    image_check_places(checking);
    check_numbers(checking);
    check_exports(checking);
    check_inodes(checking);
    image_check_fragments(checking);
    return check_options(checking, error) && image_check_trailer(checking, error);
}
