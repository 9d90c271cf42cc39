#include "builder/image/duplicates.h"

#include "schema/base/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Sorts hard links to the same file next to each other. */
static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = order_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : order_numbers(a->checksum, b->checksum);
    order = order ? order : order_numbers(a->device, b->device);
    order = order ? order : order_numbers(a->inode, b->inode);
    return order ? order : order_numbers(a->node, b->node);
}

static int compare_contents(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = order_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : order_numbers(a->checksum, b->checksum);
    order = order ? order : memcmp(a->hash.bytes, b->hash.bytes, HASH_BYTES);
    return order ? order : order_numbers(a->node, b->node);
}

static bool is_alike(const struct candidate *left, const struct candidate *right)
{
    return left->size_bytes == right->size_bytes && left->checksum == right->checksum;
}

/* Are these hard links to the same file? Extra files have no inode. */
static bool is_same_file(const struct candidate *left, const struct candidate *right)
{
    return left->inode && left->inode == right->inode && left->device == right->device;
}

/* Keeps the candidates from `start` to `end` - 1, which are alike. Of several hard links to a file
 * only the first is hashed. None is hashed if all candidates are links to one file. */
static void keep_group(struct duplicates *duplicates, size_t start, size_t end)
{
    struct candidate *candidates = duplicates->candidates;
    assert(end - start > 1 && duplicates->count <= start); /* kept candidates come first */
    bool is_one_file = is_same_file(&candidates[start], &candidates[end - 1]);
    for (size_t i = start; i < end; i++) {
        struct candidate *at = &candidates[duplicates->count];
        bool is_linked = i > start && is_same_file(at - 1, &candidates[i]);
        *at = candidates[i];
        at->leader = is_linked ? at[-1].leader : (uint32_t)duplicates->count;
        duplicates->count++;
        if (!is_linked && !is_one_file)
            duplicates->candidate_of[at->node] = (uint32_t)duplicates->count;
    }
}

/* Of the first `count` candidates, keeps those that are like at least one other. */
static void keep_groups(struct duplicates *duplicates, size_t count)
{
    struct candidate *candidates = duplicates->candidates;
    qsort(candidates, count, sizeof *candidates, compare_candidates);
    duplicates->count = 0;
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && is_alike(&candidates[start], &candidates[end]))
            end++;
        if (end - start > 1)
            keep_group(duplicates, start, end);
    }
}

struct duplicates duplicates_list(const struct inventory *inventory, struct arena *arena)
{
    struct duplicates duplicates = {
        .candidates = arena_room(arena, inventory->file_count * sizeof(struct candidate)),
        .candidate_of = arena_new(arena, uint32_t, inventory->count),
    };
    size_t count = 0;
    for (uint32_t node = 0; node < inventory->count; node++) {
        const struct node *at = &inventory->nodes[node];
        if (at->kind == NODE_FILE && at->size_bytes > 0)
            duplicates.candidates[count++] = (struct candidate){
                .node = node,
                .size_bytes = at->size_bytes,
                .device = at->device,
                .inode = at->inode,
            };
    }
    assert(count <= inventory->file_count);
    keep_groups(&duplicates, count);
    return duplicates;
}

bool duplicates_want(const struct duplicates *duplicates, uint32_t node)
{
    return duplicates->candidate_of[node] > 0;
}

static struct candidate *candidate_of(const struct duplicates *duplicates, uint32_t node)
{
    assert(duplicates_want(duplicates, node));
    return &duplicates->candidates[duplicates->candidate_of[node] - 1];
}

void duplicates_tell_checksum(const struct duplicates *duplicates, uint32_t node, uint32_t checksum)
{
    candidate_of(duplicates, node)->checksum = checksum;
}

void duplicates_narrow(struct duplicates *duplicates)
{
    struct candidate *candidates = duplicates->candidates;
    for (size_t i = 0; i < duplicates->count; i++) {
        assert(candidates[i].leader <= i);
        candidates[i].checksum = candidates[candidates[i].leader].checksum;
        duplicates->candidate_of[candidates[i].node] = 0;
    }
    keep_groups(duplicates, duplicates->count);
}

void duplicates_tell_hash(const struct duplicates *duplicates, uint32_t node,
                          const struct hash *hash)
{
    candidate_of(duplicates, node)->hash = *hash;
}

void duplicates_resolve(const struct duplicates *duplicates, struct inventory *inventory)
{
    struct candidate *candidates = duplicates->candidates;
    for (size_t i = 0; i < duplicates->count; i++)
        candidates[i].hash = candidates[candidates[i].leader].hash;
    qsort(candidates, duplicates->count, sizeof *candidates, compare_contents);
    for (size_t i = 1; i < duplicates->count; i++) {
        const struct candidate *before = &candidates[i - 1], *at = &candidates[i];
        if (is_alike(before, at) && hash_equal(&before->hash, &at->hash))
            inventory->nodes[at->node].same_as = inventory->nodes[before->node].same_as;
    }
}
