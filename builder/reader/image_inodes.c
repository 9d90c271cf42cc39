#include "builder/reader/image_inodes.h"

#include "schema/base/little_endian.h"

#include <assert.h>
#include <string.h>

enum {
    EXTENDED = 7, /* type of an extended inode minus its basic type */
    NUMBER_MOST = 7,
    BASE_BYTES = 16,
    INODE_LEAST_BYTES = 24,
    STORED_BIT = 1 << 24,
    LISTING_EXTRA_BYTES = 3, /* for "." and ".." */
};

struct reading {
    const struct image_file *file;
    const struct image_table *ids;
    struct image_tree *tree;
    struct error *error;
};

const unsigned char *image_take(struct image_cursor *cursor, size_t count)
{
    const unsigned char *taken = cursor->at;
    if (count > cursor->left)
        return NULL;
    cursor->at += count;
    cursor->left -= count;
    return taken;
}

static bool refuse_inode(const struct reading *reading, const struct image_inode *inode,
                         const char *cause)
{
    return error_set(reading->error, "damaged inode %u: %s", inode->number, cause);
}

static bool ends_early(const struct reading *reading, const struct image_inode *inode)
{
    return refuse_inode(reading, inode, "it goes beyond the table's end");
}

/* Checks the blocks and adds up the sizes of the holes. */
static bool check_blocks(const struct reading *reading, struct image_inode *inode)
{
    uint64_t at = inode->first_block, end = reading->file->super.inode_table;
    uint64_t left = inode->size_bytes, block_bytes = reading->file->super.block_bytes;
    for (uint32_t i = 0; i < inode->block_count; i++) {
        uint64_t unpacked = left < block_bytes ? left : block_bytes;
        struct image_block block = image_tree_block(inode, i, at);
        uint32_t word = little_32(inode->words + 4 * (size_t)i);
        left -= unpacked;
        if (word >> 25 || block.packed_bytes > block_bytes)
            return refuse_inode(reading, inode, "a block of impossible length");
        if (block.packed_bytes == 0) {
            if (word)
                return refuse_inode(reading, inode, "a hole that is stored");
            inode->hole_bytes += unpacked;
            continue;
        }
        if (at < IMAGE_SUPER_BYTES || at > end || block.packed_bytes > end - at)
            return refuse_inode(reading, inode, "a block outside of the data");
        if (!budget_spend(&reading->file->budget->memory, IMAGE_MEMORY_OF_BLOCK, reading->error))
            return false;
        reading->tree->stored_block_count++;
        at += block.packed_bytes;
    }
    assert(left == image_tree_tail_bytes(reading->file, inode));
    return true;
}

static bool take_blocks(const struct reading *reading, struct image_cursor *cursor,
                        struct image_inode *inode)
{
    const struct image_super *super = &reading->file->super;
    bool has_fragment = inode->fragment != (uint32_t)IMAGE_NO_FRAGMENT;
    uint64_t count = inode->size_bytes / super->block_bytes;
    uint64_t past = inode->size_bytes % super->block_bytes;
    if (past > 0 && !has_fragment)
        count++;
    if (count > cursor->left / 4)
        return ends_early(reading, inode);
    inode->block_count = (uint32_t)count;
    inode->words = image_take(cursor, (size_t)count * 4);
    if (has_fragment && (past == 0 || inode->fragment >= super->fragment_count ||
                         inode->fragment_offset > super->block_bytes - past))
        return refuse_inode(reading, inode, "an impossible fragment");
    return check_blocks(reading, inode);
}

static bool take_file(const struct reading *reading, struct image_cursor *cursor, bool is_extended,
                      struct image_inode *inode)
{
    const unsigned char *fields = image_take(cursor, is_extended ? 40 : 16);
    if (!fields)
        return ends_early(reading, inode);
    if (is_extended) {
        inode->first_block = little_64(fields);
        inode->size_bytes = little_64(fields + 8);
        inode->sparse_bytes = little_64(fields + 16);
        inode->link_count = little_32(fields + 24);
        inode->fragment = little_32(fields + 28);
        inode->fragment_offset = little_32(fields + 32);
        inode->attributes = little_32(fields + 36);
    } else {
        inode->first_block = little_32(fields);
        inode->fragment = little_32(fields + 4);
        inode->fragment_offset = little_32(fields + 8);
        inode->size_bytes = little_32(fields + 12);
        inode->sparse_bytes = IMAGE_SPARSE_UNSAID;
        inode->link_count = 1;
    }
    return take_blocks(reading, cursor, inode);
}

/* Checks only the form of a directory's index. Its content is checked together with the listing. */
static bool take_index(const struct reading *reading, struct image_cursor *cursor,
                       struct image_inode *inode)
{
    const char *start = (const char *)cursor->at;
    for (uint32_t i = 0; i < inode->index_count; i++) {
        const unsigned char *fields = image_take(cursor, IMAGE_INDEX_BYTES);
        if (!fields)
            return ends_early(reading, inode);
        uint32_t length = little_32(fields + 8);
        if (length >= IMAGE_NAME_MAX || !image_take(cursor, (size_t)length + 1))
            return refuse_inode(reading, inode, "an impossible name in its index");
    }
    inode->index = (struct str){ start, (size_t)((const char *)cursor->at - start) };
    return true;
}

static bool take_directory(const struct reading *reading, struct image_cursor *cursor,
                           bool is_extended, struct image_inode *inode)
{
    const unsigned char *fields = image_take(cursor, is_extended ? 24 : 16);
    if (!fields)
        return ends_early(reading, inode);
    uint32_t block = little_32(fields + (is_extended ? 8 : 0));
    uint32_t offset = little_16(fields + (is_extended ? 18 : 10));
    inode->link_count = little_32(fields + (is_extended ? 0 : 4));
    inode->size_bytes = is_extended ? little_32(fields + 4) : little_16(fields + 8);
    inode->parent_number = little_32(fields + 12);
    inode->index_count = is_extended ? little_16(fields + 16) : 0;
    inode->attributes = is_extended ? little_32(fields + 20) : (uint32_t)IMAGE_NO_ATTRIBUTES;
    inode->listing = image_table_find(&reading->tree->directory_table, block, offset);
    if (inode->listing == SIZE_MAX || inode->size_bytes < LISTING_EXTRA_BYTES)
        return refuse_inode(reading, inode, "an impossible listing");
    inode->size_bytes -= LISTING_EXTRA_BYTES;
    if (inode->size_bytes > reading->tree->directory_table.size_bytes - inode->listing)
        return refuse_inode(reading, inode, "its listing goes beyond the table's end");
    return take_index(reading, cursor, inode);
}

static bool take_link(const struct reading *reading, struct image_cursor *cursor, bool is_extended,
                      struct image_inode *inode)
{
    const unsigned char *fields = image_take(cursor, 8);
    if (!fields)
        return ends_early(reading, inode);
    inode->link_count = little_32(fields);
    inode->target.len = little_32(fields + 4);
    inode->target.data = (const char *)image_take(cursor, inode->target.len);
    if (!inode->target.data)
        return ends_early(reading, inode);
    if (inode->target.len == 0 || memchr(inode->target.data, 0, inode->target.len))
        return refuse_inode(reading, inode, "an impossible link target");
    if (!is_extended)
        return true;
    fields = image_take(cursor, 4);
    if (!fields)
        return ends_early(reading, inode);
    inode->attributes = little_32(fields);
    return true;
}

static bool take_inode(const struct reading *reading, struct image_cursor *cursor,
                       struct image_inode *inode)
{
    const struct image_table *ids = reading->ids;
    const unsigned char *fields = image_take(cursor, BASE_BYTES);
    if (!fields)
        return error_set(reading->error, "damaged inode table: it ends inside an inode");
    uint16_t type = little_16(fields);
    size_t owner = little_16(fields + 4), group = little_16(fields + 6);
    inode->mode = little_16(fields + 2);
    inode->modified_seconds = little_32(fields + 8);
    inode->number = little_32(fields + 12);
    inode->attributes = (uint32_t)IMAGE_NO_ATTRIBUTES;
    if (owner >= ids->size_bytes / 4 || group >= ids->size_bytes / 4)
        return refuse_inode(reading, inode, "its owner is not in the table of owners");
    inode->owner = little_32(ids->bytes + 4 * owner);
    inode->group = little_32(ids->bytes + 4 * group);
    bool is_extended = type > NUMBER_MOST;
    switch (is_extended ? type - EXTENDED : type) {
    case IMAGE_DIRECTORY:
        inode->kind = IMAGE_DIRECTORY;
        return take_directory(reading, cursor, is_extended, inode);
    case IMAGE_REGULAR:
        inode->kind = IMAGE_REGULAR;
        return take_file(reading, cursor, is_extended, inode);
    case IMAGE_LINK:
        inode->kind = IMAGE_LINK;
        return take_link(reading, cursor, is_extended, inode);
    default:
        return refuse_inode(reading, inode, "a store cannot hold a device, socket or pipe");
    }
}

bool image_inodes_read(const struct image_file *file, const struct image_table *ids,
                       struct arena *arena, struct image_tree *tree, struct error *error)
{
    const struct reading reading = { file, ids, tree, error };
    const struct image_table *table = &tree->inode_table;
    size_t count = file->super.inode_count;
    struct image_cursor cursor = { table->bytes, table->size_bytes };
    if (count == 0 || count > table->size_bytes / INODE_LEAST_BYTES)
        return error_set(error, "damaged super block: %zu inodes are impossible", count);
    if (!budget_spend(&file->budget->memory,
                      count * (sizeof(struct image_inode) + IMAGE_MEMORY_OF_FILE), error))
        return false;
    tree->inodes = arena_new(arena, struct image_inode, count);
    for (tree->inode_count = 0; tree->inode_count < count; tree->inode_count++) {
        struct image_inode *inode = &tree->inodes[tree->inode_count];
        assert(cursor.left <= table->size_bytes);
        inode->position = table->size_bytes - cursor.left;
        if (!take_inode(&reading, &cursor, inode))
            return false;
    }
    return cursor.left == 0 ||
           error_set(error, "damaged inode table: more than the %zu inodes of the super block",
                     count);
}

size_t image_inodes_find(const struct image_tree *tree, uint64_t block, uint32_t offset)
{
    size_t position = image_table_find(&tree->inode_table, block, offset);
    size_t low = 0, high = tree->inode_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tree->inodes[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tree->inode_count && tree->inodes[low].position == position ? low : SIZE_MAX;
}

struct image_block image_tree_block(const struct image_inode *inode, uint32_t index, uint64_t start)
{
    assert(index < inode->block_count);
    uint32_t word = little_32(inode->words + 4 * (size_t)index);
    return (struct image_block){
        .start = start,
        .packed_bytes = word & (STORED_BIT - 1),
        .is_stored = word & STORED_BIT,
    };
}

uint32_t image_tree_tail_bytes(const struct image_file *file, const struct image_inode *inode)
{
    if (inode->kind != IMAGE_REGULAR || inode->fragment == (uint32_t)IMAGE_NO_FRAGMENT)
        return 0;
    return (uint32_t)(inode->size_bytes % file->super.block_bytes);
}
