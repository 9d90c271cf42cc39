#include "builder/inspect/inspect_references.h"

#include "builder/output/report.h"

#include "schema/base/counted.h"
#include "schema/base/json.h"

#include "schema/base/order.h"
#include "schema/base/show.h"
#include "schema/nix/store_path.h"

#include <stdlib.h>
#include <string.h>

/* --- Names ------------------------------------------------------------------------------------ */

static bool contains(struct str text, struct str part)
{
    return memmem(text.data, text.len, part.data, part.len);
}

/* Finds the only item that has `part` in its name. */
static bool find_part(const struct path_list *list, struct str part, uint32_t *ret_item,
                      struct error *error)
{
    size_t count = 0;
    uint32_t first = 0, second = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (contains(list->items[i].base, part) && count++ < 2)
            *(count == 1 ? &first : &second) = i;
    if (count == 0)
        return error_set(error, "no path in the image has '%.*s' in its name", STR_SHOWN(part));
    if (count > 1)
        return error_set(
            error, "'%.*s' is ambiguous: it is in the names of %zu paths, such as %.*s and %.*s",
            STR_SHOWN(part), count, STR_SHOWN(list->items[first].base),
            STR_SHOWN(list->items[second].base));
    *ret_item = first;
    return true;
}

static bool find_item(const struct inspection *inspection, const char *given, uint32_t *ret_item,
                      struct error *error)
{
    struct str base, text = str_from(given);
    struct error ignored;
    const struct path_list *list = &inspection->image.listed;
    if (!store_path_parse(text, inspection->store_dir, &base, &ignored))
        base = text;
    uint32_t item = path_list_find(list, base);
    if (item == NAME_NONE)
        return find_part(list, base, ret_item, error);
    *ret_item = item;
    return true;
}

/* --- References ------------------------------------------------------------------------------- */

/* Walks breadth first from `start`. `from` gets, for each item that is reached, the item that
 * refers to it. `order` gets the items in the order in which they are reached. References to
 * unlisted paths are ignored. */
static size_t walk(const struct path_list *list, uint32_t start, uint32_t *from, uint32_t *order)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        from[i] = NAME_NONE;
    from[start] = start;
    order[count++] = start;
    for (size_t at = 0; at < count; at++) {
        const struct path_info *info = &list->items[order[at]];
        for (size_t i = 0; i < info->reference_count; i++) {
            uint32_t to = info->references[i];
            if (to >= list->count || from[to] != NAME_NONE)
                continue;
            from[to] = order[at];
            order[count++] = to;
        }
    }
    return count;
}

static void print_path(const struct inspection *inspection, uint32_t item)
{
    struct arena scratch = *inspection->arena;
    show_line(stdout, "%s", inspection_path(inspection, item, &scratch).data);
}

/* The chain is stored in reverse order: its end comes first. */
static bool print_chain_json(const struct inspection *inspection, const uint32_t *chain,
                             size_t length, struct error *error)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = length; i-- > 0;) {
        struct arena scratch = *inspection->arena;
        struct str path = inspection_path(inspection, chain[i], &scratch);
        json_add_text(array, NULL, path);
    }
    return json_print(array, error);
}

bool inspect_explain(const struct inspection *inspection, const char *from_name,
                     const char *to_name, struct error *error)
{
    uint32_t start, end;
    struct arena *arena = inspection->arena;
    const struct path_list *list = &inspection->image.listed;
    if (!find_item(inspection, from_name, &start, error) ||
        !find_item(inspection, to_name, &end, error))
        return false;
    uint32_t *from = arena_new(arena, uint32_t, list->count);
    uint32_t *chain = arena_new(arena, uint32_t, list->count);
    walk(list, start, from, chain);
    if (from[end] == NAME_NONE)
        return error_set(error, "%.*s does not depend on %.*s", STR_SHOWN(list->items[start].base),
                         STR_SHOWN(list->items[end].base));
    size_t length = 0;
    chain[length++] = end;
    while (chain[length - 1] != start) {
        chain[length] = from[chain[length - 1]];
        length++;
    }
    if (inspection->as_json)
        return print_chain_json(inspection, chain, length, error);
    for (size_t i = length; i-- > 0;)
        print_path(inspection, chain[i]);
    return true;
}

static void print_closure(const struct inspection *inspection, const uint32_t *items, size_t count,
                          const struct image_size *total)
{
    for (size_t i = 0; i < count; i++)
        print_path(inspection, items[i]);
    report_note(inspection->is_quiet, "%s, %.1f MiB, which take %.1f MiB of the image (%.0f %%)",
                counted(count, "path").text, report_mebibytes(total->size_bytes),
                report_mebibytes(total->packed_bytes),
                report_percent(total->packed_bytes, total->size_bytes));
}

static bool print_closure_json(const struct inspection *inspection, const uint32_t *items,
                               size_t count, const struct image_size *total, struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "size", (double)total->size_bytes);
    cJSON_AddNumberToObject(object, "packed", (double)total->packed_bytes);
    cJSON *array = cJSON_AddArrayToObject(object, "paths");
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(array, inspection_item_json(inspection, items[i]));
    return json_print(object, error);
}

bool inspect_print_closure(const struct inspection *inspection, const char *name,
                           struct error *error)
{
    uint32_t start;
    struct image_size total = { .size_bytes = 0 };
    const struct path_list *list = &inspection->image.listed;
    struct arena *arena = inspection->arena;
    if (!find_item(inspection, name, &start, error))
        return false;
    uint32_t *from = arena_new(arena, uint32_t, list->count);
    uint32_t *items = arena_new(arena, uint32_t, list->count);
    size_t count = walk(list, start, from, items);
    qsort(items, count, sizeof *items, order_uint32);
    for (size_t i = 0; i < count; i++) {
        total.size_bytes += inspection_size(inspection, items[i])->size_bytes;
        total.packed_bytes += inspection_size(inspection, items[i])->packed_bytes;
    }
    if (inspection->as_json)
        return print_closure_json(inspection, items, count, &total, error);
    print_closure(inspection, items, count, &total);
    return true;
}
