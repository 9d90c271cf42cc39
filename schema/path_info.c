#include "schema/path_info.h"

#include <stdlib.h>

struct path_info *path_list_add(struct path_list *list, struct arena *arena)
{
    list->items = arena_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
    return &list->items[list->count++];
}

static int compare_names(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

void path_names_normalise(struct str *names, size_t *count)
{
    bool ascending = true;
    for (size_t i = 1; i < *count && ascending; i++)
        ascending = str_compare(names[i - 1], names[i]) < 0;
    if (ascending)
        return;
    qsort(names, *count, sizeof *names, compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || !str_equal(names[kept - 1], names[i]))
            names[kept++] = names[i];
    *count = kept;
}

/* An item and its place in the list, which decides between items of one path. */
static int compare_items(const void *left, const void *right)
{
    const struct path_info *const *left_item = left, *const *right_item = right;
    int order = str_compare((*left_item)->base, (*right_item)->base);
    if (order != 0)
        return order;
    return (*left_item > *right_item) - (*left_item < *right_item);
}

static bool is_ascending(const struct path_list *list)
{
    for (size_t i = 1; i < list->count; i++)
        if (str_compare(list->items[i - 1].base, list->items[i].base) >= 0)
            return false;
    return true;
}

/* Sorts by way of pointers into a copy, so that the items move once. */
static void sort_items(struct path_list *list, struct arena scratch)
{
    struct path_info *copy = arena_new(&scratch, struct path_info, list->count);
    const struct path_info **order = arena_new(&scratch, const struct path_info *, list->count);
    for (size_t i = 0; i < list->count; i++) {
        copy[i] = list->items[i];
        order[i] = &copy[i];
    }
    qsort(order, list->count, sizeof *order, compare_items);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool last_of_path = i + 1 == list->count || !str_equal(order[i]->base, order[i + 1]->base);
        if (last_of_path)
            list->items[kept++] = *order[i];
    }
    list->count = kept;
}

void path_list_normalise(struct path_list *list, struct arena scratch)
{
    if (!is_ascending(list))
        sort_items(list, scratch);
    for (size_t i = 0; i < list->count; i++)
        path_names_normalise(list->items[i].references, &list->items[i].reference_count);
}
