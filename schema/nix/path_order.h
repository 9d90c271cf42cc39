/* path_order.h — the order in which a list's paths depend on each other.
 */
#pragma once

#include "schema/nix/path_info.h"

/* A cycle: `from` refers to `to`, from which `from` is reached. */
struct path_cycle {
    bool found;
    uint32_t from, to;
};

/* Orders the paths of a normalised list so that each comes after those it refers to; self
 * references do not count, nor do paths that are not in the list.
 * `ret_order` has room for list->count indexes and is of no use if a cycle was found.
 * Walks without recursion: a chain may be as long as the list. */
struct path_cycle path_order_find(const struct path_list *list, struct arena scratch,
                                  uint32_t *ret_order);
