#include "builder/reader/image_nar.h"

#include "schema/base/own.h"

#include <assert.h>

/* --- Sizes ------------------------------------------------------------------------------------ */

static uint64_t padded(uint64_t length)
{
    return (length + 7) / 8 * 8;
}

static uint64_t text_bytes(uint64_t length)
{
    return 8 + padded(length);
}

/* Returns the size of the node's own fields, without its entries. */
static uint64_t field_bytes(const struct image_inode *inode)
{
    uint64_t node = text_bytes(1) + text_bytes(4) + text_bytes(1);
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        return node + text_bytes(9);
    case IMAGE_LINK:
        return node + text_bytes(7) + text_bytes(6) + text_bytes(inode->target.len);
    case IMAGE_REGULAR:
        break;
    }
    return node + text_bytes(7) + (inode->mode & 0100 ? text_bytes(10) + text_bytes(0) : 0) +
           text_bytes(8) + text_bytes(inode->size_bytes);
}

static uint64_t entry_bytes(struct str name)
{
    return text_bytes(5) + text_bytes(1) + text_bytes(4) + text_bytes(name.len) + text_bytes(4) +
           text_bytes(1);
}

uint64_t *image_nar_sizes(const struct image *image, struct arena *arena)
{
    const struct image_tree *tree = &image->tree;
    uint64_t *sizes = arena_new(arena, uint64_t, (size_t)tree->nodes[0].child_count + 1);
    for (uint32_t node = 1; node < tree->node_count; node++) {
        const struct image_node *at = &tree->nodes[node];
        assert(at->parent < node && at->top <= node);
        uint64_t own = at->parent == 0 ? text_bytes(13) : entry_bytes(at->name);
        sizes[at->top] += own + field_bytes(&tree->inodes[at->inode]);
    }
    return sizes;
}

/* --- Hashing ---------------------------------------------------------------------------------- */

static void add_content(void *context, const void *data, size_t size_bytes)
{
    nar_stream_content(context, data, size_bytes);
}

/* Adds a node to the NAR. A directory stays open for its entries. */
static bool add_node(const struct image *image, struct image_worker *worker,
                     const struct image_inode *inode, struct nar_stream *stream,
                     struct error *error)
{
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        nar_stream_directory(stream);
        return true;
    case IMAGE_LINK:
        nar_stream_link(stream, inode->target);
        return true;
    case IMAGE_REGULAR:
        break;
    }
    nar_stream_file(stream, inode->mode & 0100, inode->size_bytes);
    if (!image_read_file(image, worker, inode, add_content, stream, error))
        return false;
    nar_stream_file_end(stream, inode->size_bytes);
    return true;
}

/* Returns the next node in NAR order, or `top` after the last one. Closes the directories that end
 * before that node, and adds its name. */
static uint32_t next_node(const struct image *image, uint32_t top, uint32_t node,
                          struct nar_stream *stream)
{
    const struct image_node *nodes = image->tree.nodes;
    if (nodes[node].child_count > 0) {
        node = nodes[node].first_child;
        nar_stream_entry(stream, nodes[node].name);
        return node;
    }
    if (image_inode_of(image, node)->kind == IMAGE_DIRECTORY)
        nar_stream_directory_end(stream);
    while (node != top && image_tree_is_last(&image->tree, node)) {
        node = nodes[node].parent;
        nar_stream_directory_end(stream);
    }
    if (node == top)
        return top;
    nar_stream_entry(stream, nodes[++node].name);
    return node;
}

bool image_nar_hash(const struct image *image, struct image_worker *worker, uint32_t top,
                    struct arena scratch, struct nar *ret_nar, struct error *error)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&scratch);
    uint32_t node = top;
    assert(top > 0 && top < image->tree.node_count);
    do {
        if (!add_node(image, worker, image_inode_of(image, node), &stream, error))
            return error_in(error, "%.*s",
                            STR_SHOWN(image_tree_path(&image->tree, node, &scratch)));
        node = next_node(image, top, node, &stream);
    } while (node != top);
    *ret_nar = nar_stream_finish(&stream);
    return true;
}
