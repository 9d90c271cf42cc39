/* image_workers.h — one worker (image_reader.h) for each thread of a crew, and the cache that they share.
 *
 *   cleanup(image_workers_release) struct image_workers workers = IMAGE_WORKERS_NONE;
 *   image_workers_make(&image, &crew, &arena, &workers, error) &&
 *   image_workers_share(&workers, &arena, error)
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/crew.h"

struct image_workers {
    const struct image *image;
    struct image_worker *items; /* by the number of the crew's member */
    unsigned count;
    struct image_cache *cache; /* null: fragment blocks are not cached */
};

#define IMAGE_WORKERS_NONE ((struct image_workers){ .count = 0 })

/* Makes a worker for each thread, in its own arena; the array of them is allocated in `arena`. Workers
 * are to be released even if this fails. */
must_check bool image_workers_make(const struct image *image, const struct crew *crew,
                                   struct arena *arena, struct image_workers *ret_workers,
                                   struct error *error);

/* Gives the workers a cache of fragment blocks, in `arena`: for those that read whole files. */
must_check bool image_workers_share(struct image_workers *workers, struct arena *arena,
                                    struct error *error);

void image_workers_release(const struct image_workers *workers);
