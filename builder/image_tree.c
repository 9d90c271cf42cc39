#include "builder/image_tree.h"

#include <string.h>

enum {
    EXTENDED = 7, /* what the type of an inode with more fields is greater by */
    NUMBER_MOST = 7,
    BASE_BYTES = 16,
    INODE_LEAST_BYTES = 24,
    STORED_BIT = 1 << 24,
    LISTING_EXTRA_BYTES = 3, /* for "." and ".." */
    HEADER_BYTES = 12,
    ENTRY_BYTES = 8,
    INDEX_BYTES = 12,
    HEADER_ENTRIES_MAX = 256,
    NAME_MAX_BYTES = 256,
};

/* What is being read. */
struct walk {
    const struct image_file *file;
    const struct image_table *ids;
    struct arena *arena;
    struct image_tree *tree;
    size_t node_capacity;
    struct error *error;
};

/* --- Inodes ----------------------------------------------------------------------------------- */

/* What is left of the table. */
struct cursor {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *take(struct cursor *cursor, size_t count)
{
    const unsigned char *taken = cursor->at;
    if (count > cursor->left)
        return NULL;
    cursor->at += count;
    cursor->left -= count;
    return taken;
}

static bool refuse_inode(const struct walk *walk, const struct image_inode *inode,
                         const char *cause)
{
    return error_set(walk->error, "damaged inode %u: %s", inode->number, cause);
}

static bool ends_early(const struct walk *walk, const struct image_inode *inode)
{
    return refuse_inode(walk, inode, "it goes beyond the table's end");
}

/* Checks the blocks, and adds up what is not there. */
static bool check_blocks(const struct walk *walk, struct image_inode *inode)
{
    uint64_t at = inode->first_block, end = walk->file->super.inode_table;
    uint64_t left = inode->size_bytes, block_bytes = walk->file->super.block_bytes;
    for (uint32_t i = 0; i < inode->block_count; i++) {
        uint64_t unpacked = left < block_bytes ? left : block_bytes;
        struct image_block block = image_tree_block(inode, i, at);
        uint32_t word = image_u32(inode->words + 4 * (size_t)i);
        left -= unpacked;
        if (word >> 25 || block.packed_bytes > block_bytes)
            return refuse_inode(walk, inode, "a block of no possible length");
        if (block.packed_bytes == 0) {
            if (word)
                return refuse_inode(walk, inode, "a hole that is stored");
            inode->hole_bytes += unpacked;
            continue;
        }
        if (at < IMAGE_SUPER_BYTES || at > end || block.packed_bytes > end - at)
            return refuse_inode(walk, inode, "a block outside of the data");
        at += block.packed_bytes;
    }
    return true;
}

static bool take_blocks(const struct walk *walk, struct cursor *cursor, struct image_inode *inode)
{
    const struct image_super *super = &walk->file->super;
    bool has_fragment = inode->fragment != (uint32_t)IMAGE_NO_FRAGMENT;
    uint64_t count = inode->size_bytes / super->block_bytes;
    uint64_t past = inode->size_bytes % super->block_bytes;
    if (past > 0 && !has_fragment)
        count++;
    if (count > cursor->left / 4)
        return ends_early(walk, inode);
    inode->block_count = (uint32_t)count;
    inode->words = take(cursor, (size_t)count * 4);
    if (has_fragment && (past == 0 || inode->fragment >= super->fragment_count ||
                         inode->fragment_offset > super->block_bytes - past))
        return refuse_inode(walk, inode, "a fragment that cannot be");
    return check_blocks(walk, inode);
}

static bool take_file(const struct walk *walk, struct cursor *cursor, bool is_extended,
                      struct image_inode *inode)
{
    const unsigned char *fields = take(cursor, is_extended ? 40 : 16);
    if (!fields)
        return ends_early(walk, inode);
    if (is_extended) {
        inode->first_block = image_u64(fields);
        inode->size_bytes = image_u64(fields + 8);
        inode->sparse_bytes = image_u64(fields + 16);
        inode->link_count = image_u32(fields + 24);
        inode->fragment = image_u32(fields + 28);
        inode->fragment_offset = image_u32(fields + 32);
        inode->attributes = image_u32(fields + 36);
    } else {
        inode->first_block = image_u32(fields);
        inode->fragment = image_u32(fields + 4);
        inode->fragment_offset = image_u32(fields + 8);
        inode->size_bytes = image_u32(fields + 12);
        inode->sparse_bytes = IMAGE_SPARSE_UNSAID;
        inode->link_count = 1;
    }
    return take_blocks(walk, cursor, inode);
}

/* The index of a directory, which is read with the listing. */
static bool take_index(const struct walk *walk, struct cursor *cursor, struct image_inode *inode)
{
    const char *start = (const char *)cursor->at;
    for (uint32_t i = 0; i < inode->index_count; i++) {
        const unsigned char *fields = take(cursor, INDEX_BYTES);
        if (!fields)
            return ends_early(walk, inode);
        uint32_t length = image_u32(fields + 8);
        if (length >= NAME_MAX_BYTES || !take(cursor, (size_t)length + 1))
            return refuse_inode(walk, inode, "a name in its index that cannot be");
    }
    inode->index = (struct str){ start, (size_t)((const char *)cursor->at - start) };
    return true;
}

static bool take_directory(const struct walk *walk, struct cursor *cursor, bool is_extended,
                           struct image_inode *inode)
{
    const unsigned char *fields = take(cursor, is_extended ? 24 : 16);
    if (!fields)
        return ends_early(walk, inode);
    uint32_t block = image_u32(fields + (is_extended ? 8 : 0));
    uint32_t offset = image_u16(fields + (is_extended ? 18 : 10));
    inode->link_count = image_u32(fields + (is_extended ? 0 : 4));
    inode->size_bytes = is_extended ? image_u32(fields + 4) : image_u16(fields + 8);
    inode->parent_number = image_u32(fields + 12);
    inode->index_count = is_extended ? image_u16(fields + 16) : 0;
    inode->attributes = is_extended ? image_u32(fields + 20) : (uint32_t)IMAGE_NO_ATTRIBUTES;
    inode->listing = image_table_find(&walk->tree->directory_table, block, offset);
    if (inode->listing == SIZE_MAX || inode->size_bytes < LISTING_EXTRA_BYTES)
        return refuse_inode(walk, inode, "a listing that cannot be");
    inode->size_bytes -= LISTING_EXTRA_BYTES;
    if (inode->size_bytes > walk->tree->directory_table.size_bytes - inode->listing)
        return refuse_inode(walk, inode, "its listing goes beyond the table's end");
    return take_index(walk, cursor, inode);
}

static bool take_link(const struct walk *walk, struct cursor *cursor, bool is_extended,
                      struct image_inode *inode)
{
    const unsigned char *fields = take(cursor, 8);
    if (!fields)
        return ends_early(walk, inode);
    inode->link_count = image_u32(fields);
    inode->target.len = image_u32(fields + 4);
    inode->target.data = (const char *)take(cursor, inode->target.len);
    if (!inode->target.data)
        return ends_early(walk, inode);
    if (inode->target.len == 0 || memchr(inode->target.data, 0, inode->target.len))
        return refuse_inode(walk, inode, "a link's target that cannot be");
    if (!is_extended)
        return true;
    fields = take(cursor, 4);
    if (!fields)
        return ends_early(walk, inode);
    inode->attributes = image_u32(fields);
    return true;
}

static bool take_inode(const struct walk *walk, struct cursor *cursor, struct image_inode *inode)
{
    const struct image_table *ids = walk->ids;
    const unsigned char *fields = take(cursor, BASE_BYTES);
    if (!fields)
        return error_set(walk->error, "damaged inode table: it ends inside an inode");
    uint16_t type = image_u16(fields);
    size_t owner = image_u16(fields + 4), group = image_u16(fields + 6);
    inode->mode = image_u16(fields + 2);
    inode->modified_seconds = image_u32(fields + 8);
    inode->number = image_u32(fields + 12);
    inode->attributes = (uint32_t)IMAGE_NO_ATTRIBUTES;
    if (owner >= ids->size_bytes / 4 || group >= ids->size_bytes / 4)
        return refuse_inode(walk, inode, "its owner is not in the table of owners");
    inode->owner = image_u32(ids->bytes + 4 * owner);
    inode->group = image_u32(ids->bytes + 4 * group);
    bool is_extended = type > NUMBER_MOST;
    switch (is_extended ? type - EXTENDED : type) {
    case IMAGE_DIRECTORY:
        inode->kind = IMAGE_DIRECTORY;
        return take_directory(walk, cursor, is_extended, inode);
    case IMAGE_REGULAR:
        inode->kind = IMAGE_REGULAR;
        return take_file(walk, cursor, is_extended, inode);
    case IMAGE_LINK:
        inode->kind = IMAGE_LINK;
        return take_link(walk, cursor, is_extended, inode);
    default:
        return refuse_inode(walk, inode, "a store cannot hold a device, socket or pipe");
    }
}

static bool read_inodes(const struct walk *walk)
{
    struct image_tree *tree = walk->tree;
    const struct image_table *table = &tree->inode_table;
    size_t count = walk->file->super.inode_count;
    struct cursor cursor = { table->bytes, table->size_bytes };
    if (count == 0 || count > table->size_bytes / INODE_LEAST_BYTES)
        return error_set(walk->error, "damaged super block: it cannot be that there are %zu inodes",
                         count);
    tree->inodes = arena_new(walk->arena, struct image_inode, count);
    for (tree->inode_count = 0; tree->inode_count < count; tree->inode_count++) {
        struct image_inode *inode = &tree->inodes[tree->inode_count];
        inode->position = table->size_bytes - cursor.left;
        if (!take_inode(walk, &cursor, inode))
            return false;
    }
    return cursor.left == 0 ||
           error_set(walk->error,
                     "damaged inode table: more than the %zu inodes that it should have", count);
}

/* The index of the inode there, or SIZE_MAX. */
static size_t find_inode(const struct image_tree *tree, uint64_t block, uint32_t offset)
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

/* --- Directories ------------------------------------------------------------------------------ */

/* A listing while it is read. */
struct listing {
    uint32_t node;
    const struct image_inode *inode;
    struct cursor cursor;
    struct cursor index;
    struct str before; /* the name before */
};

static bool refuse_listing(const struct walk *walk, const struct listing *listing,
                           const char *cause)
{
    struct arena scratch = *walk->arena;
    return error_set(walk->error, "damaged directory /%.*s: %s",
                     STR_SHOWN(image_tree_path(walk->tree, listing->node, &scratch)), cause);
}

static bool is_name(struct str name)
{
    bool dots = str_equal(name, STR(".")) || str_equal(name, STR(".."));
    return !dots && !memchr(name.data, '/', name.len) && !memchr(name.data, 0, name.len);
}

static bool add_node(struct walk *walk, struct listing *listing, struct str name, size_t inode)
{
    struct image_tree *tree = walk->tree;
    struct image_inode *at = &tree->inodes[inode];
    if (tree->node_count >= UINT32_MAX)
        return refuse_listing(walk, listing, "too many files");
    if (at->kind == IMAGE_DIRECTORY && at->name_count > 0)
        return refuse_listing(walk, listing, "it holds a directory that is in another already");
    tree->nodes = arena_grow(walk->arena, tree->nodes, tree->node_count, &walk->node_capacity,
                             sizeof *tree->nodes);
    uint32_t node = (uint32_t)tree->node_count++;
    if (at->name_count++ == 0)
        at->node = node;
    tree->nodes[node] = (struct image_node){
        .name = name,
        .parent = listing->node,
        .top = listing->node == 0 ? node : tree->nodes[listing->node].top,
        .inode = (uint32_t)inode,
    };
    tree->nodes[listing->node].child_count++;
    return true;
}

/* The header of some entries. */
struct header {
    uint32_t count, block, number;
};

static bool take_entry(struct walk *walk, struct listing *listing, const struct header *header)
{
    const unsigned char *fields = take(&listing->cursor, ENTRY_BYTES);
    if (!fields)
        return refuse_listing(walk, listing, "it ends inside an entry");
    uint32_t number = header->number + (uint32_t)(int16_t)image_u16(fields + 2);
    struct str name = { .len = (size_t)image_u16(fields + 6) + 1 };
    name.data = (const char *)take(&listing->cursor, name.len);
    if (!name.data || name.len > NAME_MAX_BYTES || !is_name(name))
        return refuse_listing(walk, listing, "a name that cannot be");
    if (listing->before.data && str_compare(listing->before, name) >= 0)
        return refuse_listing(walk, listing, "its names are out of order");
    listing->before = name;
    size_t inode = find_inode(walk->tree, header->block, image_u16(fields));
    if (inode == SIZE_MAX)
        return refuse_listing(walk, listing, "an entry that leads to no inode");
    const struct image_inode *at = &walk->tree->inodes[inode];
    if (at->number != number || at->kind != image_u16(fields + 4))
        return refuse_listing(walk, listing, "an entry that does not fit its inode");
    return add_node(walk, listing, name, inode);
}

/* The next of the index has to be of this header, if it is of this place. */
static bool check_index(const struct walk *walk, struct listing *listing, size_t at)
{
    const struct image_table *table = &walk->tree->directory_table;
    if (listing->index.left == 0 || image_u32(listing->index.at) != at)
        return true;
    const unsigned char *fields = take(&listing->index, INDEX_BYTES);
    size_t length = (size_t)image_u32(fields + 8) + 1;
    const unsigned char *name = take(&listing->index, length);
    size_t block = (listing->inode->listing + at) / IMAGE_TABLE_BLOCK_BYTES;
    const unsigned char *first = listing->cursor.at;
    if (listing->cursor.left < ENTRY_BYTES + length ||
        table->block_positions[block] != image_u32(fields + 4) ||
        (size_t)image_u16(first + 6) + 1 != length ||
        memcmp(first + ENTRY_BYTES, name, length) != 0)
        return refuse_listing(walk, listing, "its index does not fit");
    return true;
}

static bool take_entries(struct walk *walk, struct listing *listing)
{
    size_t at = (size_t)listing->inode->size_bytes - listing->cursor.left;
    const unsigned char *fields = take(&listing->cursor, HEADER_BYTES);
    if (!fields)
        return refuse_listing(walk, listing, "it ends inside a header");
    struct header header = {
        .count = image_u32(fields),
        .block = image_u32(fields + 4),
        .number = image_u32(fields + 8),
    };
    if (header.count >= HEADER_ENTRIES_MAX)
        return refuse_listing(walk, listing, "a header of too many entries");
    if (!check_index(walk, listing, at))
        return false;
    for (uint32_t i = 0; i <= header.count; i++)
        if (!take_entry(walk, listing, &header))
            return false;
    return true;
}

static bool read_listing(struct walk *walk, uint32_t node)
{
    struct image_tree *tree = walk->tree;
    const struct image_inode *inode = &tree->inodes[tree->nodes[node].inode];
    const unsigned char *index = (const unsigned char *)inode->index.data;
    struct listing listing = {
        .node = node,
        .inode = inode,
        .cursor = { tree->directory_table.bytes + inode->listing, (size_t)inode->size_bytes },
        .index = { index, inode->index.len },
    };
    tree->nodes[node].first_child = (uint32_t)tree->node_count;
    while (listing.cursor.left > 0)
        if (!take_entries(walk, &listing))
            return false;
    return listing.index.left == 0 || refuse_listing(walk, &listing, "its index does not fit");
}

/* Breadth first: the array of nodes is its own queue. */
static bool read_directories(struct walk *walk)
{
    struct image_tree *tree = walk->tree;
    uint64_t root = walk->file->super.root_inode;
    size_t inode = find_inode(tree, root >> 16, root & 0xffff);
    if (inode == SIZE_MAX || tree->inodes[inode].kind != IMAGE_DIRECTORY)
        return error_set(walk->error, "damaged super block: the root is no directory");
    tree->nodes = arena_grow(walk->arena, NULL, 0, &walk->node_capacity, sizeof *tree->nodes);
    tree->nodes[tree->node_count++] = (struct image_node){ .inode = (uint32_t)inode };
    tree->inodes[inode].name_count = 1;
    for (uint32_t node = 0; node < tree->node_count; node++)
        if (tree->inodes[tree->nodes[node].inode].kind == IMAGE_DIRECTORY &&
            !read_listing(walk, node))
            return false;
    for (size_t i = 0; i < tree->inode_count; i++)
        if (tree->inodes[i].name_count == 0)
            return refuse_inode(walk, &tree->inodes[i], "it is in no directory");
    return true;
}

bool image_tree_read(const struct image_file *file, const struct image_table *ids,
                     struct arena *arena, struct image_tree *tree, struct error *error)
{
    struct walk walk = { .file = file, .ids = ids, .arena = arena, .tree = tree, .error = error };
    return read_inodes(&walk) && read_directories(&walk);
}

/* --- Questions -------------------------------------------------------------------------------- */

struct image_block image_tree_block(const struct image_inode *inode, uint32_t index, uint64_t start)
{
    uint32_t word = image_u32(inode->words + 4 * (size_t)index);
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

bool image_tree_is_last(const struct image_tree *tree, uint32_t node)
{
    const struct image_node *parent = &tree->nodes[tree->nodes[node].parent];
    return node + 1 == parent->first_child + parent->child_count;
}

struct str image_tree_path(const struct image_tree *tree, uint32_t node, struct arena *arena)
{
    size_t length = 0;
    for (uint32_t at = node; at != 0; at = tree->nodes[at].parent)
        length += tree->nodes[at].name.len + 1;
    length -= length > 0;
    char *path = arena_room(arena, length + 1), *end = path + length;
    *end = '\0';
    for (uint32_t at = node; at != 0; at = tree->nodes[at].parent) {
        struct str name = tree->nodes[at].name;
        end -= name.len;
        memcpy(end, name.data, name.len);
        if (tree->nodes[at].parent != 0)
            *--end = '/';
    }
    return (struct str){ path, length };
}
