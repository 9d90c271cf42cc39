#include "builder/duplicates.h"

#include "schema/digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int compare_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int compare_sizes(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : compare_numbers(a->device, b->device);
    order = order ? order : compare_numbers(a->inode, b->inode);
    return order ? order : compare_numbers(a->node, b->node);
}

static int compare_contents(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : memcmp(a->hash.bytes, b->hash.bytes, HASH_BYTES);
    return order ? order : compare_numbers(a->node, b->node);
}

/* Hard links to one file; extra files have no inode. */
static bool is_same_file(const struct candidate *left, const struct candidate *right)
{
    return left->inode && left->inode == right->inode && left->device == right->device;
}

/* The files whose size another one has, ascending by size. */
static void list_candidates(struct duplicates *duplicates, const struct inventory *inventory)
{
    struct candidate *candidates = duplicates->candidates;
    size_t count = 0;
    for (uint32_t node = 0; node < inventory->count; node++) {
        const struct node *at = &inventory->nodes[node];
        if (at->kind == NODE_FILE && at->size_bytes > 0)
            candidates[count++] = (struct candidate){
                .node = node,
                .size_bytes = at->size_bytes,
                .device = at->device,
                .inode = at->inode,
            };
    }
    if (count)
        qsort(candidates, count, sizeof *candidates, compare_sizes);
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && candidates[end].size_bytes == candidates[start].size_bytes)
            end++;
        for (size_t i = start; i < end && end - start > 1; i++)
            candidates[duplicates->count++] = candidates[i];
    }
}

/* Hard links stand together; the first of them is hashed for all. */
static void choose_leaders(struct duplicates *duplicates)
{
    for (size_t i = 0; i < duplicates->count; i++) {
        struct candidate *at = &duplicates->candidates[i];
        bool linked = i > 0 && is_same_file(&duplicates->candidates[i - 1], at);
        at->leader = linked ? duplicates->candidates[i - 1].leader : (uint32_t)i;
        if (!linked)
            duplicates->candidate_of[at->node] = (uint32_t)i + 1;
    }
}

struct duplicates duplicates_list(const struct inventory *inventory, struct arena *arena)
{
    struct duplicates duplicates = {
        .candidates = arena_room(arena, inventory->file_count * sizeof(struct candidate)),
        .candidate_of = arena_new(arena, uint32_t, inventory->count),
    };
    list_candidates(&duplicates, inventory);
    choose_leaders(&duplicates);
    for (size_t i = 0; i < duplicates.count; i++) {
        struct candidate *at = &duplicates.candidates[i];
        if (inventory->nodes[at->node].is_extra)
            at->hash = digest_sha256(inventory->nodes[at->node].content);
    }
    return duplicates;
}

bool duplicates_want(const struct duplicates *duplicates, uint32_t node)
{
    return duplicates->candidate_of[node] > 0;
}

void duplicates_tell(const struct duplicates *duplicates, uint32_t node, const struct hash *hash)
{
    assert(duplicates_want(duplicates, node));
    duplicates->candidates[duplicates->candidate_of[node] - 1].hash = *hash;
}

void duplicates_resolve(const struct duplicates *duplicates, struct inventory *inventory)
{
    struct candidate *candidates = duplicates->candidates;
    for (size_t i = 0; i < duplicates->count; i++)
        candidates[i].hash = candidates[candidates[i].leader].hash;
    if (duplicates->count)
        qsort(candidates, duplicates->count, sizeof *candidates, compare_contents);
    for (size_t i = 1; i < duplicates->count; i++) {
        const struct candidate *before = &candidates[i - 1], *at = &candidates[i];
        if (before->size_bytes == at->size_bytes && hash_equal(&before->hash, &at->hash))
            inventory->nodes[at->node].same_as = inventory->nodes[before->node].same_as;
    }
}
