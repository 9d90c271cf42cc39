/* inventory_walk.h — walks one store path for an inventory.
 */
#pragma once

#include "builder/image/inventory.h"

#include <stdatomic.h>

/* The memory of a walking thread. */
struct inventory_walker {
    struct arena nodes;       /* nothing but nodes, so that their array grows in place */
    struct arena texts;       /* names, targets and contents */
    atomic_size_t *kept_left; /* how many bytes of contents may still be kept; shared by threads */
};

/* Fills in a node from its file's status. `directory` is the open directory that holds it. Refuses
 * what a store cannot contain. */
must_check bool inventory_examine(struct inventory *inventory, uint32_t node, int directory,
                                  struct arena *arena, struct error *error);

/* Adds everything below a node that has been examined. Reads small files, as long as they may be
 * kept. */
must_check bool inventory_walk(struct inventory *inventory, uint32_t top,
                               struct inventory_walker *walker, struct error *error);
