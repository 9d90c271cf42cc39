/* image_cache.h — fragment blocks that were unpacked last, shared by threads.
 *
 * A block that is not there is unpacked by the thread that wants it, outside of the lock; who wants
 * it meanwhile waits. In its place goes first what nobody is expected to want again, then the one that
 * was used the longest ago.
 */
#pragma once

#include "builder/reader/image_file.h"

struct image_cache;

/* Where a block comes from. */
struct image_cache_source {
    const struct image_file *file;
    struct image_decoder *decoder;
    struct image_block block;
};

/* Makes room for `slots` blocks: more than there are threads, or as many as there are keys. The
 * room costs memory once it is used. `reads` says of each key how often it will be asked for, as far
 * as known, and is counted down. */
must_check bool image_cache_make(size_t slots, size_t block_bytes, uint32_t *reads,
                                 struct arena *arena, struct image_cache **ret_cache,
                                 struct error *error);

void image_cache_release(struct image_cache *cache);

/* The block number `key`, which stays until it is put back. */
must_check bool image_cache_get(struct image_cache *cache, uint32_t key,
                                const struct image_cache_source *source,
                                const unsigned char **ret_bytes, size_t *ret_size_bytes,
                                struct error *error);
void image_cache_put(struct image_cache *cache, uint32_t key);
