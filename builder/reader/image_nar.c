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

struct walk {
    const struct image_nar_request *request;
    struct nar_stream stream;
};

static void release(struct walk *walk)
{
    nar_stream_release(&walk->stream);
}

static void add_content(void *context, const void *data, size_t size_bytes)
{
    struct walk *walk = context;
    const struct image_nar_listener *listener = walk->request->listener;
    nar_stream_content(&walk->stream, data, size_bytes);
    if (listener)
        listener->content(listener->context, data, size_bytes);
}

/* Adds a node to the NAR. A directory stays open for its entries. */
static bool add_node(struct walk *walk, uint32_t node, struct error *error)
{
    const struct image_nar_request *request = walk->request;
    const struct image_nar_listener *listener = request->listener;
    const struct image_inode *inode = image_inode_of(request->image, node);
    if (listener && !listener->enter(listener->context, node, error))
        return false;
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        nar_stream_directory(&walk->stream);
        return true;
    case IMAGE_LINK:
        nar_stream_link(&walk->stream, inode->target);
        return true;
    case IMAGE_REGULAR:
        break;
    }
    nar_stream_file(&walk->stream, inode->mode & 0100, inode->size_bytes);
    if (!image_read_file(request->image, request->worker, inode, add_content, walk, error))
        return false;
    nar_stream_file_end(&walk->stream, inode->size_bytes);
    return true;
}

static bool leave_node(struct walk *walk, uint32_t node, struct error *error)
{
    const struct image_nar_listener *listener = walk->request->listener;
    if (image_inode_of(walk->request->image, node)->kind == IMAGE_DIRECTORY)
        nar_stream_directory_end(&walk->stream);
    return !listener || listener->leave(listener->context, node, error);
}

static bool take_step(struct walk *walk, const struct image_step *step, struct error *error)
{
    if (step->is_end)
        return leave_node(walk, step->node, error);
    if (step->node != walk->request->top)
        nar_stream_entry(&walk->stream, walk->request->image->tree.nodes[step->node].name);
    return add_node(walk, step->node, error);
}

bool image_nar_follow(const struct image_nar_request *request, struct arena scratch,
                      struct nar *ret_nar, struct error *error)
{
    const struct image_tree *tree = &request->image->tree;
    struct image_step step = { .node = request->top };
    assert(request->top > 0 && request->top < tree->node_count);
    cleanup(release) struct walk walk = { request, nar_stream_start(&scratch) };
    do
        if (!take_step(&walk, &step, error))
            return error_in(error, "%.*s", STR_SHOWN(image_tree_path(tree, step.node, &scratch)));
    while (image_tree_step(tree, request->top, &step));
    *ret_nar = nar_stream_finish(&walk.stream);
    return true;
}

bool image_nar_hash(const struct image *image, struct image_worker *worker, uint32_t top,
                    struct arena scratch, struct nar *ret_nar, struct error *error)
{
    struct image_nar_request request = { image, worker, top, NULL };
    return image_nar_follow(&request, scratch, ret_nar, error);
}
