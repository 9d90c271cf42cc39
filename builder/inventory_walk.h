/* inventory_walk.h — what an inventory reads from the disk, one store path at a time.
 */
#pragma once

#include "builder/inventory.h"

#include <stdatomic.h>

/* Adds a node of no kind yet; there is room for NODE_COUNT_MAX. */
uint32_t inventory_add(struct inventory *inventory, struct arena *arena, struct str name,
                       uint32_t parent);

/* Fills in what the disk says of a node, which is in an open directory. Refuses what a store cannot
 * hold. */
must_check bool inventory_examine(struct inventory *inventory, uint32_t node, int directory,
                                  struct arena *arena, struct error *error);

/* Adds everything below a node that has been examined. Small files are read, as long as there is
 * room for them: kept_left bytes, which threads share. */
must_check bool inventory_walk(struct inventory *inventory, uint32_t top, atomic_size_t *kept_left,
                               struct arena *arena, struct error *error);
