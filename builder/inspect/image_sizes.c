#include "builder/inspect/image_sizes.h"

#include "schema/base/order.h"

#include <stdlib.h>

/* A block of a file, or the part of a fragment block that belongs to a file. */
struct part {
    uint64_t place; /* offset of the block in the image, or number of the fragment block */
    uint32_t start, bytes;
    uint32_t node;
};

static int compare_parts(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    int order = order_numbers(a->place, b->place);
    order = order ? order : order_numbers(a->start, b->start);
    return order ? order : order_numbers(a->node, b->node);
}

static bool is_same(const struct part *left, const struct part *right)
{
    return left->place == right->place && left->start == right->start;
}

/* Sorts the parts. Keeps only the first of the parts at the same place. */
static size_t sort_parts(struct part *parts, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(parts, count, sizeof *parts, compare_parts);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !is_same(&parts[kept - 1], &parts[i]))
            parts[kept++] = parts[i];
    return kept;
}

/* Hard links share one inode. Its size is counted for the path where the inode is found first. */
static uint32_t top_of(const struct image *image, const struct image_inode *inode)
{
    return image->tree.nodes[inode->node].top;
}

static void add_packed(struct image_sizes *sizes, uint32_t top, uint64_t bytes)
{
    sizes->items[top - 1].packed_bytes += bytes;
    sizes->total.packed_bytes += bytes;
}

static size_t list_blocks(const struct image *image, const struct image_inode *inode,
                          struct part *parts)
{
    size_t count = 0;
    uint64_t at = inode->first_block;
    for (uint32_t i = 0; i < inode->block_count; i++) {
        struct image_block block = image_tree_block(inode, i, at);
        at += block.packed_bytes;
        if (block.packed_bytes > 0)
            parts[count++] =
                (struct part){ block.start, 0, block.packed_bytes, top_of(image, inode) };
    }
    return count;
}

static void add_blocks(const struct image *image, struct image_sizes *sizes, struct arena scratch)
{
    size_t count = 0;
    struct part *parts = arena_new(&scratch, struct part, image->tree.stored_block_count);
    for (size_t i = 0; i < image->tree.inode_count; i++)
        count += list_blocks(image, &image->tree.inodes[i], parts + count);
    count = sort_parts(parts, count);
    for (size_t i = 0; i < count; i++)
        add_packed(sizes, parts[i].node, parts[i].bytes);
}

/* Divides a fragment block's compressed bytes among its parts. The rounding loses no byte. */
static void share_out(const struct image *image, const struct part *parts, size_t count,
                      struct image_sizes *sizes)
{
    uint64_t whole = 0, at = 0;
    uint64_t packed = image->fragments[parts[0].place].block.packed_bytes;
    for (size_t i = 0; i < count; i++)
        whole += parts[i].bytes;
    for (size_t i = 0; i < count; i++) {
        uint64_t before = packed * at / whole;
        at += parts[i].bytes;
        add_packed(sizes, parts[i].node, packed * at / whole - before);
    }
}

static void add_fragments(const struct image *image, struct image_sizes *sizes,
                          struct arena scratch)
{
    size_t count = 0;
    struct part *parts = arena_new(&scratch, struct part, image->tree.inode_count);
    for (size_t i = 0; i < image->tree.inode_count; i++) {
        const struct image_inode *inode = &image->tree.inodes[i];
        uint32_t bytes = image_tree_tail_bytes(&image->file, inode);
        if (bytes)
            parts[count++] = (struct part){ inode->fragment, inode->fragment_offset, bytes,
                                            top_of(image, inode) };
    }
    count = sort_parts(parts, count);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && parts[end].place == parts[start].place;)
            end++;
        share_out(image, parts + start, end - start, sizes);
    }
}

static void count_node(const struct image_inode *inode, struct image_size *size)
{
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        size->directory_count++;
        break;
    case IMAGE_LINK:
        size->link_count++;
        break;
    case IMAGE_REGULAR:
        size->file_count++;
        size->size_bytes += inode->size_bytes;
        break;
    }
}

struct image_sizes image_sizes_take(const struct image *image, struct arena *arena)
{
    const struct image_tree *tree = &image->tree;
    struct image_sizes sizes = { .count = tree->nodes[0].child_count };
    sizes.items = arena_new(arena, struct image_size, sizes.count);
    for (uint32_t node = 1; node < tree->node_count; node++) {
        const struct image_node *at = &tree->nodes[node];
        if (at->parent == 0)
            sizes.items[at->top - 1].name = at->name;
        count_node(&tree->inodes[at->inode], &sizes.items[at->top - 1]);
        count_node(&tree->inodes[at->inode], &sizes.total);
    }
    add_blocks(image, &sizes, *arena);
    add_fragments(image, &sizes, *arena);
    sizes.image_bytes = image->file.size_bytes;
    /* In a damaged image, blocks may overlap. These are counted more than once. */
    if (sizes.total.packed_bytes < sizes.image_bytes)
        sizes.table_bytes = sizes.image_bytes - sizes.total.packed_bytes;
    return sizes;
}

const struct image_size *image_sizes_of(const struct image_sizes *sizes, uint32_t top)
{
    return &sizes->items[top - 1];
}
