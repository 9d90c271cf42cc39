#include "schema/path_graph.h"

#include <assert.h>

struct name_table path_table_make(const struct path_list *list, struct arena *arena)
{
    bool added = true;
    struct name_table table = name_table_make(list->count, arena);
    for (size_t i = 0; i < list->count; i++) {
        name_table_add(&table, list->items[i].base, &added);
        assert(added);
    }
    return table;
}

struct path_graph path_graph_make(const struct path_list *list, const struct name_table *table,
                                  struct arena *arena)
{
    size_t total = 0, outside_capacity = 0;
    for (size_t i = 0; i < list->count; i++)
        total += list->items[i].reference_count;
    struct path_graph graph = {
        .count = list->count,
        .starts = arena_new(arena, size_t, list->count + 1),
        .targets = arena_new(arena, uint32_t, total),
    };
    size_t filled = 0;
    for (size_t i = 0; i < list->count; i++) {
        graph.starts[i] = filled;
        for (size_t j = 0; j < list->items[i].reference_count; j++) {
            struct str base = list->items[i].references[j];
            uint32_t target = name_table_find(table, base);
            if (target != NAME_NONE) {
                graph.targets[filled++] = target;
                continue;
            }
            graph.outside = arena_grow(arena, graph.outside, graph.outside_count, &outside_capacity,
                                       sizeof *graph.outside);
            graph.outside[graph.outside_count++] = (struct outside_reference){ (uint32_t)i, base };
        }
    }
    graph.starts[list->count] = filled;
    return graph;
}

/* Depth-first search with its stack in an array. */
enum { UNSEEN, OPEN, DONE };

struct walk {
    const struct path_graph *graph;
    uint8_t *state;
    size_t *next;    /* per path: the place in `targets` to look at next */
    uint32_t *stack; /* the open paths */
    size_t depth;
};

static void push(struct walk *walk, uint32_t path)
{
    walk->state[path] = OPEN;
    walk->next[path] = walk->graph->starts[path];
    walk->stack[walk->depth++] = path;
}

/* Goes one reference further; a path whose references are all done joins the order. */
static struct path_cycle step(struct walk *walk, uint32_t *ret_order, size_t *ordered)
{
    uint32_t path = walk->stack[walk->depth - 1];
    if (walk->next[path] == walk->graph->starts[path + 1]) {
        walk->state[path] = DONE;
        walk->depth--;
        ret_order[(*ordered)++] = path;
        return (struct path_cycle){ 0 };
    }
    uint32_t target = walk->graph->targets[walk->next[path]++];
    if (target == path || walk->state[target] == DONE)
        return (struct path_cycle){ 0 };
    if (walk->state[target] == OPEN)
        return (struct path_cycle){ .found = true, .from = path, .to = target };
    push(walk, target);
    return (struct path_cycle){ 0 };
}

struct path_cycle path_graph_order(const struct path_graph *graph, struct arena scratch,
                                   uint32_t *ret_order)
{
    struct walk walk = {
        .graph = graph,
        .state = arena_new(&scratch, uint8_t, graph->count),
        .next = arena_new(&scratch, size_t, graph->count),
        .stack = arena_new(&scratch, uint32_t, graph->count),
    };
    size_t ordered = 0;
    for (uint32_t path = 0; path < graph->count; path++) {
        if (walk.state[path] == UNSEEN)
            push(&walk, path);
        while (walk.depth > 0) {
            struct path_cycle cycle = step(&walk, ret_order, &ordered);
            if (cycle.found)
                return cycle;
        }
    }
    assert(ordered == graph->count);
    return (struct path_cycle){ 0 };
}
