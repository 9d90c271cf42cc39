/* path_order.h — sorts the paths of a list so that references come first.
 */
#pragma once

#include "schema/nix/path_info.h"

/* A cycle: `from` refers to `to`, and `to` refers to `from`, directly or not. */
struct path_cycle {
    bool found;
    uint32_t from, to;
};

/* Sorts the paths of a normalised list so that each comes after those it refers to. References of a
 * path to itself, and to paths that are not in the list, are ignored. `ret_order` has room for
 * list->count indexes; it is not valid if a cycle was found. The walk does not recurse: a chain may
 * be as long as the list. */
struct path_cycle path_order_find(const struct path_list *list, struct arena scratch,
                                  uint32_t *ret_order);
