/* inventory_walk.h — what an inventory reads from the disk, one store path at a time.
 */
#pragma once

#include "builder/image/inventory.h"

#include <stdatomic.h>

/* What a thread walks with. */
struct inventory_walker {
    struct arena nodes;       /* nothing else, so that their array grows where it stands */
    struct arena texts;       /* names, targets and contents */
    atomic_size_t *kept_left; /* bytes of contents there is room for; threads share it */
};

/* Adds a node of no kind yet; there is room for NODE_COUNT_MAX. */
uint32_t inventory_add(struct inventory *inventory, struct arena *arena, struct str name,
                       uint32_t parent);

/* Fills in what the disk says of a node, which is in an open directory. Refuses what a store cannot
 * hold. */
must_check bool inventory_examine(struct inventory *inventory, uint32_t node, int directory,
                                  struct arena *arena, struct error *error);

/* Adds everything below a node that has been examined. Small files are read, as long as there is
 * room for them. */
must_check bool inventory_walk(struct inventory *inventory, uint32_t top,
                               struct inventory_walker *walker, struct error *error);
