#include "builder/reader/image_tree.h"

#include "builder/reader/image_inodes.h"

#include "schema/base/little_endian.h"

#include <assert.h>
#include <string.h>

enum {
    HEADER_BYTES = 12,
    ENTRY_BYTES = 8,
    HEADER_ENTRIES_MAX = 256,
};

struct walk {
    const struct image_file *file;
    struct arena *arena;
    struct image_tree *tree;
    size_t node_capacity;
    struct error *error;
};

struct listing {
    uint32_t node;
    const struct image_inode *inode;
    struct image_cursor cursor;
    struct image_cursor index;
    struct str before; /* the previous name */
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
    if (!budget_spend(&walk->file->budget->memory, 2 * sizeof *tree->nodes, walk->error))
        return false;
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

/* A listing consists of groups of entries. Each group has a header. */
struct header {
    uint32_t count, block, number;
};

static bool take_entry(struct walk *walk, struct listing *listing, const struct header *header)
{
    const unsigned char *fields = image_take(&listing->cursor, ENTRY_BYTES);
    if (!fields)
        return refuse_listing(walk, listing, "it ends inside an entry");
    uint32_t number = header->number + (uint32_t)(int16_t)little_16(fields + 2);
    struct str name = { .len = (size_t)little_16(fields + 6) + 1 };
    name.data = (const char *)image_take(&listing->cursor, name.len);
    if (!name.data || name.len > IMAGE_NAME_MAX || !is_name(name))
        return refuse_listing(walk, listing, "an impossible name");
    if (listing->before.data && str_compare(listing->before, name) >= 0)
        return refuse_listing(walk, listing, "its names are out of order");
    listing->before = name;
    size_t inode = image_inodes_find(walk->tree, header->block, little_16(fields));
    if (inode == SIZE_MAX)
        return refuse_listing(walk, listing, "an entry that leads to no inode");
    const struct image_inode *at = &walk->tree->inodes[inode];
    if (at->number != number || at->kind != little_16(fields + 4))
        return refuse_listing(walk, listing, "an entry that does not fit its inode");
    return add_node(walk, listing, name, inode);
}

/* If the next entry of the index has the position of this header, the rest of that entry must
 * match, too. */
static bool check_index(const struct walk *walk, struct listing *listing, size_t at)
{
    const struct image_table *table = &walk->tree->directory_table;
    if (listing->index.left == 0 || little_32(listing->index.at) != at)
        return true;
    const unsigned char *fields = image_take(&listing->index, IMAGE_INDEX_BYTES);
    size_t length = (size_t)little_32(fields + 8) + 1;
    const unsigned char *name = image_take(&listing->index, length);
    size_t block = (listing->inode->listing + at) / IMAGE_TABLE_BLOCK_BYTES;
    const unsigned char *first = listing->cursor.at;
    if (listing->cursor.left < ENTRY_BYTES + length ||
        table->block_positions[block] != little_32(fields + 4) ||
        (size_t)little_16(first + 6) + 1 != length ||
        memcmp(first + ENTRY_BYTES, name, length) != 0)
        return refuse_listing(walk, listing, "its index does not fit");
    return true;
}

static bool take_entries(struct walk *walk, struct listing *listing)
{
    size_t at = (size_t)listing->inode->size_bytes - listing->cursor.left;
    const unsigned char *fields = image_take(&listing->cursor, HEADER_BYTES);
    if (!fields)
        return refuse_listing(walk, listing, "it ends inside a header");
    struct header header = {
        .count = little_32(fields),
        .block = little_32(fields + 4),
        .number = little_32(fields + 8),
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

/* Breadth first: the array of nodes serves as the queue. */
static bool read_directories(struct walk *walk)
{
    struct image_tree *tree = walk->tree;
    uint64_t root = walk->file->super.root_inode;
    size_t inode = image_inodes_find(tree, root >> 16, root & 0xffff);
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
            return error_set(walk->error, "damaged inode %u: it is in no directory",
                             tree->inodes[i].number);
    return true;
}

bool image_tree_read(const struct image_file *file, const struct image_table *ids,
                     struct arena *arena, struct image_tree *tree, struct error *error)
{
    struct walk walk = { .file = file, .arena = arena, .tree = tree, .error = error };
    return image_inodes_read(file, ids, arena, tree, error) && read_directories(&walk);
}

/* --- Questions -------------------------------------------------------------------------------- */

bool image_tree_is_last(const struct image_tree *tree, uint32_t node)
{
    assert(node > 0 && node < tree->node_count);
    const struct image_node *parent = &tree->nodes[tree->nodes[node].parent];
    return node + 1 == parent->first_child + parent->child_count;
}

bool image_tree_step(const struct image_tree *tree, uint32_t top, struct image_step *step)
{
    assert(top <= step->node && step->node < tree->node_count);
    const struct image_node *at = &tree->nodes[step->node];
    if (!step->is_end && at->child_count > 0)
        step->node = at->first_child;
    else if (!step->is_end)
        step->is_end = true;
    else if (step->node == top)
        return false;
    else if (image_tree_is_last(tree, step->node))
        step->node = at->parent;
    else
        *step = (struct image_step){ .node = step->node + 1 };
    return true;
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
    assert(end == path);
    return (struct str){ path, length };
}
