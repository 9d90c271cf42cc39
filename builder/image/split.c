#include "builder/image/split.h"

#include "builder/reader/image_trailer.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"

#include <assert.h>
#include <string.h>

/* If a layer is too large, the next try makes the layers this much smaller. */
enum { TRIES = 20, PERCENT_LESS = 4 };

struct split {
    const struct split_request *request;
    struct arena *arena;
    struct squashfs_options options;
    uint64_t *sizes;  /* per child of the root: estimated bytes in an image */
    uint64_t fixed;   /* bytes that every layer needs */
    uint32_t *layers; /* per child of the root: its layer */
    size_t count;
    uint64_t limit_bytes;       /* of an image, without its verity data */
    struct image_draft *drafts; /* per layer; owned */
    struct squashfs_result *results;
};

static bool is_extra(const struct inventory *inventory, uint32_t node)
{
    return inventory->nodes[node].is_extra;
}

static const char *layer_name(struct arena *arena, const char *name, size_t layer)
{
    struct str stem = str_from(name);
    bool has_suffix = str_ends(stem, STR(".squashfs"));
    if (layer == 0)
        return name;
    if (has_suffix)
        stem.len -= STR(".squashfs").len;
    return arena_format(arena, "%.*s.%zu%s", STR_ARG(stem), layer, has_suffix ? ".squashfs" : "")
        .data;
}

static const char *whole_name(struct arena *arena, const char *name)
{
    return arena_format(arena, "%s.whole", name).data;
}

bool split_try_names(const struct output *output, enum verity_place verity, struct arena scratch,
                     struct error *error)
{
    struct output part = { output->directory, whole_name(&scratch, output->name) };
    if (!output_try(&part, part.name, OUTPUT_FILE, error))
        return false;
    for (size_t i = 1; i < SPLIT_LAYERS_MAX; i++) {
        struct arena rest = scratch;
        part.name = layer_name(&rest, output->name, i);
        if (!image_draft_try(&part, verity, error))
            return false;
    }
    return true;
}

/* Estimates the size of each path: its compressed blocks and its share of the tables. */
static void estimate(struct split *split, const struct squashfs_result *whole)
{
    const struct inventory *inventory = split->request->inventory;
    const struct node *root = &inventory->nodes[0];
    uint64_t tables = whole->size_bytes, *nodes;
    struct arena scratch = *split->arena;
    nodes = arena_new(&scratch, uint64_t, inventory->count);
    for (uint32_t node = (uint32_t)inventory->count; node-- > 1;) {
        nodes[node]++;
        nodes[inventory->nodes[node].parent] += nodes[node];
    }
    for (uint32_t i = 0; i < root->child_count; i++)
        tables -= split->sizes[i] < tables ? split->sizes[i] : tables;
    split->fixed = IMAGE_TRAILER_MAX;
    for (uint32_t i = 0; i < root->child_count; i++) {
        split->sizes[i] += tables * nodes[root->first_child + i] / inventory->count;
        if (is_extra(inventory, root->first_child + i))
            split->fixed += split->sizes[i];
    }
}

/* Assigns the paths to layers, so that no layer is estimated to be larger than `room`. */
static bool deal(struct split *split, uint64_t room, struct error *error)
{
    const struct inventory *inventory = split->request->inventory;
    const struct node *root = &inventory->nodes[0];
    uint64_t used = split->fixed;
    size_t in_layer = 0;
    split->count = 1;
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        if (is_extra(inventory, node))
            continue;
        if (in_layer > 0 && used + split->sizes[i] > room) {
            split->count++;
            used = split->fixed;
            in_layer = 0;
        }
        if (used + split->sizes[i] > split->limit_bytes)
            return error_set(
                error,
                "split the store: %.*s alone takes %llu bytes, more than the %llu of --max-size",
                STR_ARG(inventory->nodes[node].name), (unsigned long long)(used + split->sizes[i]),
                (unsigned long long)split->request->limit_bytes);
        used += split->sizes[i];
        in_layer++;
        split->layers[i] = (uint32_t)split->count - 1;
    }
    return split->count <= SPLIT_LAYERS_MAX ||
           error_set(error, "split the store: it takes more than %d images; raise --max-size",
                     SPLIT_LAYERS_MAX);
}

static bool write_layer(struct split *split, size_t layer, struct error *error)
{
    const struct split_request *request = split->request;
    const struct node *root = &request->inventory->nodes[0];
    assert(layer < split->count);
    struct arena scratch = *split->arena;
    bool *chosen = arena_new(&scratch, bool, root->child_count);
    for (uint32_t i = 0; i < root->child_count; i++)
        chosen[i] =
            is_extra(request->inventory, root->first_child + i) || split->layers[i] == layer;
    struct inventory part = inventory_select(request->inventory, chosen, &scratch);
    return squashfs_write(&part, &split->options,
                          (struct squashfs_place){ split->drafts[layer].image.fd, 0 }, scratch,
                          &split->results[layer], error);
}

static void release_drafts(struct split *split)
{
    for (size_t i = 0; split->drafts && i < split->count; i++)
        image_draft_release(&split->drafts[i]);
    split->drafts = NULL;
}

/* Writes the drafts of all layers; *ret_fits is false if one is too large. */
static bool write_layers(struct split *split, bool *ret_fits, struct error *error)
{
    const struct output *output = split->request->output;
    *ret_fits = true;
    split->drafts = arena_new(split->arena, struct image_draft, split->count);
    split->results = arena_new(split->arena, struct squashfs_result, split->count);
    for (size_t i = 0; i < split->count; i++)
        split->drafts[i] = IMAGE_DRAFT_NONE;
    for (size_t i = 0; i < split->count && *ret_fits; i++) {
        const char *name = layer_name(split->arena, output->name, i);
        if (!image_draft_open(output->directory, name, split->request->verity, &split->drafts[i],
                              error) ||
            !write_layer(split, i, error))
            return false;
        *ret_fits = split->results[i].size_bytes <= split->limit_bytes;
    }
    return true;
}

static bool seal(struct split *split, struct error *error)
{
    for (size_t i = 0; i < split->count; i++)
        if (!image_draft_seal(&split->drafts[i], split->request->verity,
                              split->results[i].size_bytes, split->options.crew, error))
            return false;
    return true;
}

static bool publish(struct split *split, struct split_result *ret_result, struct error *error)
{
    struct split_result result = { .roots = arena_new(split->arena, struct hash, split->count) };
    for (size_t i = split->count; i-- > 0;) {
        if (!image_draft_publish(&split->drafts[i], error))
            return false;
        result.sums.size_bytes += split->results[i].size_bytes;
        result.sums.data_bytes += split->results[i].data_bytes;
        result.sums.reused_bytes += split->results[i].reused_bytes;
        result.roots[i] = split->drafts[i].root;
    }
    for (size_t i = 0; i < split->count; i++)
        option_list_add(&result.names, layer_name(split->arena, split->request->output->name, i),
                        split->arena);
    *ret_result = result;
    return true;
}

/* How well a path compresses depends on its neighbours, so the estimate can be too low. Then the
 * layers are written again, smaller. */
static bool write_fitting(struct split *split, struct error *error)
{
    uint64_t room = split->limit_bytes / 100 * (100 - PERCENT_LESS);
    for (int tries = 0; tries < TRIES; tries++, room = room / 100 * (100 - PERCENT_LESS)) {
        bool fits;
        if (!deal(split, room, error) || !write_layers(split, &fits, error))
            return false;
        if (fits)
            return true;
        release_drafts(split);
    }
    return error_set(
        error,
        "split the store: it does not fit into images of at most %llu bytes; raise --max-size",
        (unsigned long long)split->request->limit_bytes);
}

static bool write_whole(const struct split_request *request, struct arena *arena,
                        struct split_result *ret_result, struct error *error)
{
    const struct output *output = request->output;
    struct split_result result = { .roots = arena_new(arena, struct hash, 1) };
    cleanup(image_draft_release) struct image_draft draft = IMAGE_DRAFT_NONE;
    if (!image_draft_open(output->directory, output->name, request->verity, &draft, error) ||
        !squashfs_write(request->inventory, request->squashfs,
                        (struct squashfs_place){ draft.image.fd, 0 }, *arena, &result.sums,
                        error) ||
        !image_draft_seal(&draft, request->verity, result.sums.size_bytes, request->squashfs->crew,
                          error))
        return false;
    option_list_add(&result.names, output->name, arena);
    result.roots[0] = draft.root;
    *ret_result = result;
    return image_draft_publish(&draft, error);
}

static bool write_split(const struct split_request *request, struct arena *arena,
                        struct split_result *ret_result, struct error *error)
{
    uint32_t tops = request->inventory->nodes[0].child_count;
    struct reuse reuse = REUSE_NONE;
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    cleanup(release_drafts) struct split split = {
        .request = request,
        .arena = arena,
        .options = *request->squashfs,
        .limit_bytes = image_verity_room(request->verity, request->limit_bytes),
        .sizes = arena_new(arena, uint64_t, tops),
        .layers = arena_new(arena, uint32_t, tops),
    };
    struct squashfs_result whole;
    const char *name = whole_name(arena, request->output->name);
    split.options.path_bytes = split.sizes;
    if (!draft_open(request->output->directory, name, &draft, error) ||
        !squashfs_write(request->inventory, &split.options, (struct squashfs_place){ draft.fd, 0 },
                        *arena, &whole, error))
        return false;
    split.options.path_bytes = NULL;
    split.options.reuse = NULL;
    estimate(&split, &whole);
    struct reuse_request old = {
        .place = { .fd = draft.fd, .name = name },
        .compression = &split.options.compression,
        .store_dir = request->store_dir,
        .crew = split.options.crew,
    };
    struct error unused; /* if it fails, everything is compressed again */
    if (reuse_open(&old, SQUASHFS_BLOCK_BYTES, arena, &reuse, &unused))
        split.options.reuse = &reuse;
    if (!write_fitting(&split, error) || !seal(&split, error) ||
        !publish(&split, ret_result, error))
        return false;
    ret_result->sums.reused_bytes = whole.reused_bytes;
    return true;
}

bool split_write(const struct split_request *request, struct arena *arena,
                 struct split_result *ret_result, struct error *error)
{
    return (request->limit_bytes ? write_split : write_whole)(request, arena, ret_result, error);
}
