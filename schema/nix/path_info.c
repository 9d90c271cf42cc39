#include "schema/nix/path_info.h"

#include "schema/base/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct path_info *path_list_add(struct path_list *list, struct arena *arena)
{
    list->items = arena_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
    struct path_info *item = &list->items[list->count++];
    *item = (struct path_info){ 0 };
    return item;
}

void path_list_reserve(struct path_list *list, size_t count, struct arena *arena)
{
    if (count <= list->capacity)
        return;
    struct path_info *items = arena_room(arena, count * sizeof *items);
    if (list->count)
        memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->capacity = count;
}

void path_list_append(struct path_list *list, struct path_list *other, struct arena scratch,
                      struct arena *arena)
{
    size_t name_count = other->names.count;
    assert(list != other);
    uint32_t *numbers = arena_room(&scratch, name_count * sizeof *numbers);
    name_table_find_all(&list->names, other->names.names, name_count, numbers);
    for (size_t i = 0; i < name_count; i++)
        if (numbers[i] == NAME_NONE)
            numbers[i] = name_table_add(&list->names, other->names.names[i], arena);
    path_list_reserve(list, list->count + other->count, arena);
    for (size_t i = 0; i < other->count; i++) {
        struct path_info *item = &list->items[list->count++];
        *item = other->items[i];
        assert(item->name < name_count);
        item->name = numbers[item->name];
        item->base = list->names.names[item->name];
        for (size_t j = 0; j < item->reference_count; j++)
            item->references[j] = numbers[item->references[j]];
    }
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

/* Compares items by name, then by their place in the list. */
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

/* Sorts pointers into a copy, so that each item is moved once. */
static void sort_items(struct path_list *list, struct arena scratch)
{
    struct path_info *copy = arena_room(&scratch, list->count * sizeof *copy);
    const struct path_info **order = arena_room(&scratch, list->count * sizeof *order);
    for (size_t i = 0; i < list->count; i++) {
        copy[i] = list->items[i];
        order[i] = &copy[i];
    }
    qsort(order, list->count, sizeof *order, compare_items);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool last_of_path = i + 1 == list->count || order[i]->name != order[i + 1]->name;
        if (last_of_path)
            list->items[kept++] = *order[i];
    }
    list->count = kept;
}

/* Numbers the names of the items first, in their order, then the other names. */
static void give_numbers(struct path_list *list, uint32_t *new_numbers)
{
    uint32_t next = (uint32_t)list->count;
    for (size_t i = 0; i < list->names.count; i++)
        new_numbers[i] = NAME_NONE;
    for (size_t i = 0; i < list->count; i++)
        new_numbers[list->items[i].name] = (uint32_t)i;
    for (size_t i = 0; i < list->names.count; i++)
        if (new_numbers[i] == NAME_NONE)
            new_numbers[i] = next++;
    assert(next == list->names.count); /* each name has one number */
}

static int compare_numbered(const void *left, const void *right, void *names)
{
    return str_compare(((const struct str *)names)[*(const uint32_t *)left],
                       ((const struct str *)names)[*(const uint32_t *)right]);
}

/* As long as all references are items of the list, the order of numbers is the order of names. */
static void normalise_references(const struct path_list *list, struct path_info *info,
                                 const uint32_t *new_numbers)
{
    bool ascending = true, inside = true;
    for (size_t i = 0; i < info->reference_count; i++) {
        assert(info->references[i] < list->names.count);
        uint32_t number = new_numbers[info->references[i]];
        info->references[i] = number;
        inside &= number < list->count;
        ascending &= i == 0 || info->references[i - 1] < number;
    }
    if (inside && ascending)
        return;
    if (inside)
        qsort(info->references, info->reference_count, sizeof *info->references, order_uint32);
    else
        qsort_r(info->references, info->reference_count, sizeof *info->references, compare_numbered,
                list->names.names);
    size_t kept = 0;
    for (size_t i = 0; i < info->reference_count; i++)
        if (kept == 0 || info->references[kept - 1] != info->references[i])
            info->references[kept++] = info->references[i];
    info->reference_count = kept;
}

void path_list_normalise(struct path_list *list, struct arena scratch)
{
    if (!is_ascending(list))
        sort_items(list, scratch);
    uint32_t *new_numbers = arena_room(&scratch, list->names.count * sizeof *new_numbers);
    give_numbers(list, new_numbers);
    name_table_renumber(&list->names, new_numbers, scratch);
    for (size_t i = 0; i < list->count; i++) {
        list->items[i].name = (uint32_t)i;
        normalise_references(list, &list->items[i], new_numbers);
    }
}

uint32_t path_list_find(const struct path_list *list, struct str base)
{
    uint32_t number = name_table_find(&list->names, base);
    return number < list->count ? number : NAME_NONE;
}

bool path_list_complete(struct path_list *list, size_t first, const struct path_list *described,
                        struct error *error)
{
    assert(first <= list->count);
    for (size_t i = first; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        uint32_t found = path_list_find(described, info->base);
        if (found != NAME_NONE && !hash_equal(&described->items[found].nar_hash, &info->nar_hash))
            return error_set(error, "it gives '%.*s' another NAR hash than the manifest does",
                             STR_ARG(info->base));
    }
    for (size_t i = first; i < list->count; i++) {
        struct path_info *info = &list->items[i];
        uint32_t found = path_list_find(described, info->base);
        if (found == NAME_NONE)
            continue;
        info->signatures = described->items[found].signatures;
        info->content_address = described->items[found].content_address;
        info->is_ultimate = described->items[found].is_ultimate;
        if (info->deriver.len == 0)
            info->deriver = described->items[found].deriver;
    }
    return true;
}
