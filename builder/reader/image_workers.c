#include "builder/reader/image_workers.h"

#include "builder/reader/image_cache.h"

bool image_workers_make(const struct image *image, const struct crew *crew, struct arena *arena,
                        struct image_workers *ret_workers, struct error *error)
{
    *ret_workers = (struct image_workers){
        .image = image,
        .items = arena_new(arena, struct image_worker, crew->jobs),
    };
    for (; ret_workers->count < crew->jobs; ret_workers->count++)
        if (!image_worker_make(image, &crew->arenas[ret_workers->count],
                               &ret_workers->items[ret_workers->count], error))
            return false;
    return true;
}

/* Counts how often each fragment block is read if every name is read once. */
static uint32_t *count_reads(const struct image *image, struct arena *arena)
{
    uint32_t *reads = arena_new(arena, uint32_t, image->fragment_count);
    for (size_t i = 0; i < image->tree.inode_count; i++) {
        const struct image_inode *inode = &image->tree.inodes[i];
        if (image_tree_tail_bytes(&image->file, inode) > 0)
            reads[inode->fragment] += inode->name_count;
    }
    return reads;
}

bool image_workers_share(struct image_workers *workers, struct arena *arena, struct error *error)
{
    const struct image *image = workers->image;
    uint32_t block_bytes = image->file.super.block_bytes;
    size_t slots = IMAGE_FRAGMENTS_KEPT + workers->count;
    size_t room = arena_left(arena) / 2 / block_bytes;
    if (slots > room)
        slots = room > workers->count ? room : workers->count;
    if (slots > image->fragment_count)
        slots = image->fragment_count;
    if (!budget_spend(&image->file.budget->memory, (uint64_t)slots * block_bytes, error) ||
        !image_cache_make(slots, block_bytes, count_reads(image, arena), arena, &workers->cache,
                          error))
        return false;
    for (unsigned i = 0; i < workers->count; i++)
        workers->items[i].cache = workers->cache;
    return true;
}

void image_workers_release(const struct image_workers *workers)
{
    for (unsigned i = 0; i < workers->count; i++)
        image_worker_release(&workers->items[i]);
    if (workers->cache)
        image_cache_release(workers->cache);
}
