#include "builder/image/plan.h"

#include "schema/base/order.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The end of a file, which goes into a fragment block. */
struct tail {
    struct str kind;
    struct str package; /* the store path's name without the digest */
    struct str
        text; /* of a translation: its file name, which is the same for all languages; else "" */
    struct str top; /* the whole name of the store path */
    uint32_t node;
    uint32_t size_bytes;
    bool is_executable;
};

/* Returns the extension or "". A version after it is ignored: "so" for libm.so.6. */
static struct str kind_of(struct str name)
{
    struct cut cut = str_cut_last(name, '.');
    while (cut.found && cut.head.len > 0) {
        bool is_version = true;
        for (size_t i = 0; i < cut.tail.len && is_version; i++)
            is_version = cut.tail.data[i] >= '0' && cut.tail.data[i] <= '9';
        if (!is_version)
            return cut.tail;
        cut = str_cut_last(cut.head, '.');
    }
    return (struct str){ "", 0 };
}

static int compare_tails(const void *left, const void *right)
{
    const struct tail *a = left, *b = right;
    int order = str_compare(a->kind, b->kind);
    if (order == 0)
        order = (int)a->is_executable - (int)b->is_executable;
    if (order == 0)
        order = str_compare(a->package, b->package);
    if (order == 0)
        order = str_compare(a->text, b->text);
    if (order == 0)
        order = str_compare(a->top, b->top);
    return order ? order : order_numbers(a->node, b->node);
}

/* Returns, for each node, the store path or extra file that it belongs to. Parents come before
 * their children. */
static uint32_t *find_tops(const struct inventory *inventory, struct arena *arena)
{
    uint32_t *tops = arena_new(arena, uint32_t, inventory->count);
    for (uint32_t node = 1; node < inventory->count; node++) {
        uint32_t parent = inventory->nodes[node].parent;
        assert(parent < node);
        tops[node] = parent == 0 ? node : tops[parent];
    }
    return tops;
}

static bool is_stored(const struct inventory *inventory, uint32_t node)
{
    const struct node *at = &inventory->nodes[node];
    return at->kind == NODE_FILE && at->same_as == node;
}

/* Plans the full blocks of files. What is left of each file goes into a fragment block. */
static void plan_whole_blocks(struct plan *plan, const struct inventory *inventory,
                              uint32_t block_bytes)
{
    for (uint32_t node = 0; node < inventory->count; node++) {
        if (!is_stored(inventory, node))
            continue;
        struct placement *place = &plan->placements[node];
        place->first_block = plan->block_count;
        place->block_count = (uint32_t)(inventory->nodes[node].size_bytes / block_bytes);
        place->fragment = PLAN_NO_FRAGMENT;
        for (uint32_t i = 0; i < place->block_count; i++) {
            plan->pieces[plan->block_count] =
                (struct piece){ node, block_bytes, (uint64_t)i * block_bytes };
            plan->blocks[plan->block_count] = (struct block){ plan->block_count, 1, block_bytes };
            plan->block_count++;
        }
    }
    plan->fragment_start = plan->block_count;
}

static struct tail make_tail(const struct inventory *inventory, uint32_t node, uint32_t top,
                             uint32_t size_bytes)
{
    const struct node *file = &inventory->nodes[node];
    struct str base = inventory->nodes[top].name;
    bool is_extra = base.len <= STORE_PATH_DIGEST_LENGTH + 1;
    struct str kind = kind_of(file->name);
    return (struct tail){
        .kind = kind,
        .package = is_extra ? base : store_path_name(base),
        .text = str_equal(kind, STR("mo")) ? file->name : (struct str){ "", 0 },
        .top = base,
        .node = node,
        .size_bytes = size_bytes,
        .is_executable = file->is_executable,
    };
}

static struct tail *list_tails(const struct inventory *inventory, uint32_t block_bytes,
                               struct arena *arena, size_t *ret_count)
{
    size_t count = 0;
    struct tail *tails = arena_room(arena, (size_t)inventory->file_count * sizeof *tails);
    const uint32_t *tops = find_tops(inventory, arena);
    for (uint32_t node = 0; node < inventory->count; node++) {
        uint32_t left = (uint32_t)(inventory->nodes[node].size_bytes % block_bytes);
        if (is_stored(inventory, node) && left > 0)
            tails[count++] = make_tail(inventory, node, tops[node], left);
    }
    assert(count <= inventory->file_count);
    qsort(tails, count, sizeof *tails, compare_tails);
    *ret_count = count;
    return tails;
}

static uint64_t mix(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Does a nearly full block end after this file? Only the names decide, so that a change in one file
 * does not move the boundaries of later blocks. On average, a block ends after another eighth,
 * whatever the sizes of the files. */
static bool ends_block(const struct inventory *inventory, const struct tail *tail,
                       uint32_t block_bytes)
{
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), tail->package);
    for (uint32_t at = tail->node; inventory->nodes[at].parent != 0;
         at = inventory->nodes[at].parent)
        hash = mix(hash, inventory->nodes[at].name);
    hash ^= hash >> 32;
    return (uint32_t)hash % (block_bytes / 8) < tail->size_bytes;
}

static void plan_fragment_blocks(struct plan *plan, const struct inventory *inventory,
                                 const struct tail *tails, size_t count, uint32_t block_bytes)
{
    struct block *block = NULL;
    size_t piece = plan->fragment_start;
    for (size_t i = 0; i < count; i++, piece++) {
        const struct tail *tail = &tails[i];
        if (!block || block->size_bytes + tail->size_bytes > block_bytes) {
            block = &plan->blocks[plan->block_count++];
            *block = (struct block){ .first_piece = piece };
        }
        struct placement *place = &plan->placements[tail->node];
        place->fragment = (uint32_t)(plan->block_count - 1 - plan->fragment_start);
        place->fragment_offset = block->size_bytes;
        plan->pieces[piece] =
            (struct piece){ tail->node, tail->size_bytes,
                            inventory->nodes[tail->node].size_bytes - tail->size_bytes };
        block->piece_count++;
        block->size_bytes += tail->size_bytes;
        assert(block->size_bytes <= block_bytes);
        if (block->size_bytes >= block_bytes / 4 * 3 && ends_block(inventory, tail, block_bytes))
            block = NULL;
    }
}

struct plan plan_make(const struct inventory *inventory, uint32_t block_bytes, struct arena *arena)
{
    struct plan plan = { .block_bytes = block_bytes,
                         .placements = arena_new(arena, struct placement, inventory->count) };
    size_t whole = 0, tail_count;
    assert(block_bytes >= 8); /* ends_block divides by an eighth of it */
    for (uint32_t node = 0; node < inventory->count; node++)
        if (is_stored(inventory, node))
            whole += (size_t)(inventory->nodes[node].size_bytes / block_bytes);
    size_t most = whole + (size_t)inventory->file_count;
    plan.pieces = arena_room(arena, most * sizeof *plan.pieces);
    plan.blocks = arena_room(arena, most * sizeof *plan.blocks);
    plan_whole_blocks(&plan, inventory, block_bytes);
    assert(plan.fragment_start == whole);
    struct arena scratch = *arena;
    const struct tail *tails = list_tails(inventory, block_bytes, &scratch, &tail_count);
    plan_fragment_blocks(&plan, inventory, tails, tail_count, block_bytes);
    assert(plan.block_count <= most);
    return plan;
}
