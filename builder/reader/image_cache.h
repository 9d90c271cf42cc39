/* image_cache.h — a cache of unpacked fragment blocks, shared by threads.
 *
 * A thread that needs a block which is not cached unpacks it, without holding the lock; other
 * threads that need it wait. The block replaces one that is not expected to be needed again, or, if
 * there is none, the least recently used one.
 */
#pragma once

#include "builder/reader/image_decoder.h"

struct image_cache;

/* How to read a block. */
struct image_cache_source {
    struct image_decoder *decoder;
    struct image_block block;
};

/* Makes a cache of `slots` blocks: more than there are threads, or as many as there are keys. Slots
 * take memory only once they are used. `reads` has for each key how often it will be needed, as far
 * as known; the cache counts it down. */
must_check bool image_cache_make(size_t slots, size_t block_bytes, uint32_t *reads,
                                 struct arena *arena, struct image_cache **ret_cache,
                                 struct error *error);

void image_cache_release(struct image_cache *cache);

/* Gets block number `key`. The buffer belongs to the cache: it is valid until image_cache_put, and
 * must not be changed. */
must_check bool image_cache_get(struct image_cache *cache, uint32_t key,
                                const struct image_cache_source *source,
                                struct image_buffer *ret_buffer, struct error *error);
void image_cache_put(struct image_cache *cache, uint32_t key);
