#include "builder/reader/image_cache.h"

#include <assert.h>
#include <pthread.h>

enum slot_state { SLOT_EMPTY, SLOT_LOADING, SLOT_LOADED };

struct slot {
    enum slot_state state;
    uint32_t key;
    unsigned users;
    uint64_t used_last;
    struct image_buffer buffer;
};

struct image_cache {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t clock;
    struct slot *slots;
    size_t count;
    uint32_t *reads_left; /* by key */
};

bool image_cache_make(size_t slots, size_t block_bytes, uint32_t *reads, struct arena *arena,
                      struct image_cache **ret_cache, struct error *error)
{
    struct image_cache *cache = arena_new(arena, struct image_cache, 1);
    cache->slots = arena_new(arena, struct slot, slots);
    cache->count = slots;
    cache->reads_left = reads;
    for (size_t i = 0; i < slots; i++)
        cache->slots[i].buffer =
            (struct image_buffer){ arena_room(arena, block_bytes), block_bytes, 0 };
    int code = pthread_mutex_init(&cache->lock, NULL);
    if (code == 0)
        code = pthread_cond_init(&cache->changed, NULL);
    if (code != 0)
        return error_errno(error, code, "create a lock");
    *ret_cache = cache;
    return true;
}

void image_cache_release(struct image_cache *cache)
{
    pthread_cond_destroy(&cache->changed);
    pthread_mutex_destroy(&cache->lock);
}

static struct slot *find(const struct image_cache *cache, uint32_t key)
{
    for (size_t i = 0; i < cache->count; i++)
        if (cache->slots[i].state != SLOT_EMPTY && cache->slots[i].key == key)
            return &cache->slots[i];
    return NULL;
}

/* The slot of the lowest rank is used next. First come blocks that nobody will read again: their
 * memory is already mapped, that of an empty slot is not. Then empty slots; then the block that was
 * used longest ago. */
static uint64_t rank(const struct image_cache *cache, const struct slot *slot)
{
    if (slot->state == SLOT_EMPTY)
        return 1;
    return cache->reads_left[slot->key] == 0 ? 0 : 1 + slot->used_last;
}

/* Chooses one of the slots that no thread uses. */
static struct slot *choose(const struct image_cache *cache)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < cache->count; i++) {
        struct slot *slot = &cache->slots[i];
        if (slot->users == 0 && (!best || rank(cache, slot) < rank(cache, best)))
            best = slot;
    }
    return best;
}

/* Finds the slot of a block. If another thread is loading the block, waits for that thread. Returns
 * null if no slot has the block, or if loading it failed. */
static struct slot *wait_for(struct image_cache *cache, uint32_t key)
{
    for (;;) {
        struct slot *slot = find(cache, key);
        if (!slot || slot->state == SLOT_LOADED)
            return slot;
        pthread_cond_wait(&cache->changed, &cache->lock);
    }
}

bool image_cache_get(struct image_cache *cache, uint32_t key,
                     const struct image_cache_source *source, struct image_buffer *ret_buffer,
                     struct error *error)
{
    bool done = true;
    pthread_mutex_lock(&cache->lock);
    struct slot *slot = wait_for(cache, key);
    if (cache->reads_left[key] > 0)
        cache->reads_left[key]--;
    if (slot) {
        slot->users++;
    } else {
        slot = choose(cache);
        assert(slot); /* each thread uses at most one slot */
        slot->state = SLOT_LOADING;
        slot->key = key;
        slot->users = 1;
        pthread_mutex_unlock(&cache->lock);
        done = image_block_read(source->decoder, source->block, &slot->buffer, error);
        pthread_mutex_lock(&cache->lock);
        slot->state = done ? SLOT_LOADED : SLOT_EMPTY;
        slot->users = done ? 1 : 0;
        pthread_cond_broadcast(&cache->changed);
    }
    slot->used_last = ++cache->clock;
    pthread_mutex_unlock(&cache->lock);
    if (!done)
        return false;
    *ret_buffer = slot->buffer;
    return true;
}

void image_cache_put(struct image_cache *cache, uint32_t key)
{
    pthread_mutex_lock(&cache->lock);
    struct slot *slot = find(cache, key);
    assert(slot && slot->users > 0);
    slot->users--;
    pthread_mutex_unlock(&cache->lock);
}
