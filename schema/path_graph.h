/* path_graph.h — who refers to whom in a normalised list of paths, by index instead of by name.
 */
#pragma once

#include "schema/name_table.h"
#include "schema/path_info.h"

/* Finds the paths of a list by base name: their numbers are their indexes. The list may not name a
 * path twice. */
struct name_table path_table_make(const struct path_list *list, struct arena *arena);

/* A reference to a path that is not in the list. */
struct outside_reference {
    uint32_t referrer;
    struct str base;
};

struct path_graph {
    size_t count;      /* of paths */
    size_t *starts;    /* count + 1 places in `targets` */
    uint32_t *targets; /* path i refers to targets[starts[i]] … targets[starts[i + 1] - 1] */
    struct outside_reference *outside;
    size_t outside_count;
};

struct path_graph path_graph_make(const struct path_list *list, const struct name_table *table,
                                  struct arena *arena);

/* A cycle: `from` refers to `to`, from which `from` is reached. */
struct path_cycle {
    bool found;
    uint32_t from, to;
};

/* Orders the paths so that each comes after those it refers to; self references do not count.
 * `ret_order` has room for graph->count indexes and is of no use if a cycle was found.
 * Walks without recursion: a chain may be as long as the list. */
struct path_cycle path_graph_order(const struct path_graph *graph, struct arena scratch,
                                   uint32_t *ret_order);
