#include "schema/nix/path_order.h"

#include <assert.h>

/* Depth-first search with an explicit stack. */
enum { UNSEEN, OPEN, DONE };

/* A path whose references are being followed. */
struct open_path {
    const struct path_info *info;
    size_t next; /* index of the reference to follow next */
};

struct walk {
    const struct path_list *list;
    uint8_t *state;          /* per path */
    struct open_path *stack; /* each refers to the next */
    size_t depth;
    uint32_t *order;
    size_t ordered;
};

static void push(struct walk *walk, uint32_t path)
{
    walk->state[path] = OPEN;
    walk->stack[walk->depth++] = (struct open_path){ .info = &walk->list->items[path] };
}

/* Follows the references of the path on top of the stack, until one of them is unseen and is
 * pushed. If none is left, the path is popped and appended to the order. */
static struct path_cycle step(struct walk *walk)
{
    struct open_path *top = &walk->stack[walk->depth - 1];
    uint32_t path = top->info->name;
    while (top->next < top->info->reference_count) {
        uint32_t target = top->info->references[top->next++];
        if (target >= walk->list->count || target == path || walk->state[target] == DONE)
            continue;
        if (walk->state[target] == OPEN)
            return (struct path_cycle){ .found = true, .from = path, .to = target };
        push(walk, target);
        return (struct path_cycle){ 0 };
    }
    walk->state[path] = DONE;
    walk->depth--;
    walk->order[walk->ordered++] = path;
    return (struct path_cycle){ 0 };
}

struct path_cycle path_order_find(const struct path_list *list, struct arena scratch,
                                  uint32_t *ret_order)
{
    struct walk walk = {
        .list = list,
        .state = arena_new(&scratch, uint8_t, list->count),
        .stack = arena_room(&scratch, list->count * sizeof *walk.stack),
        .order = ret_order,
    };
    for (uint32_t path = 0; path < list->count; path++) {
        if (walk.state[path] == UNSEEN)
            push(&walk, path);
        while (walk.depth > 0) {
            struct path_cycle cycle = step(&walk);
            if (cycle.found)
                return cycle;
        }
    }
    assert(walk.ordered == list->count);
    return (struct path_cycle){ 0 };
}
