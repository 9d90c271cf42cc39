#include "builder/inspect/inspect_diff.h"

#include "builder/inspect/image_diff.h"
#include "builder/output/report.h"

#include "schema/base/json.h"
#include "schema/base/show.h"

enum { VERSIONS_SHOWN = 10 };

/* The images, indexed by enum diff_side, and what differs. */
struct comparison {
    const struct inspection *images[DIFF_SIDES];
    struct diff_list lists[DIFF_SIDES];
    struct image_diff diff;
};

static struct diff_list list_items(const struct inspection *inspection, struct arena *arena)
{
    const struct path_list *listed = &inspection->image.listed;
    struct diff_list list = { .items = arena_new(arena, struct diff_item, listed->count) };
    for (uint32_t i = 0; i < listed->count; i++) {
        const struct image_size *size = inspection_size(inspection, i);
        if (inspection_has(inspection, i))
            list.items[list.count++] = (struct diff_item){
                .base = listed->items[i].base,
                .nar_hash = &listed->items[i].nar_hash,
                .number = i,
                .size_bytes = size->size_bytes,
                .packed_bytes = size->packed_bytes,
            };
    }
    return list;
}

/* --- Text ------------------------------------------------------------------------------------- */

static double signed_mebibytes(uint64_t old, uint64_t new)
{
    return new < old ? -report_mebibytes(old - new) : report_mebibytes(new - old);
}

static void print_sizes(const char *label, uint64_t old, uint64_t new)
{
    show_line(stdout, "%-10s%.1f -> %.1f MiB (%+.2f)", label, report_mebibytes(old),
              report_mebibytes(new), signed_mebibytes(old, new));
}

/* Returns "1.0, 1.1 and 3 more". */
static struct str join_versions(const struct diff_package *package, enum diff_side side,
                                struct arena *arena)
{
    struct str *versions;
    size_t count = diff_package_versions(package, side, arena, &versions);
    struct str text = STR("none");
    for (size_t i = 0; i < count && i < VERSIONS_SHOWN; i++) {
        struct str version = versions[i].len ? versions[i] : STR("unversioned");
        text = i ? arena_format(arena, "%.*s, %.*s", STR_ARG(text), STR_ARG(version)) : version;
    }
    if (count > VERSIONS_SHOWN)
        text = arena_format(arena, "%.*s and %zu more", STR_ARG(text), count - VERSIONS_SHOWN);
    return text;
}

static bool is_large(const uint64_t bytes[DIFF_SIDES])
{
    uint64_t old = bytes[DIFF_OLD], new = bytes[DIFF_NEW];
    return (old > new ? old - new : new - old) >= INSPECT_DIFF_SHOWN_BYTES;
}

static void print_package(const struct diff_package *package, struct arena scratch)
{
    struct str *ignored, versions = STR("");
    if (diff_package_versions(package, DIFF_OLD, &scratch, &ignored) ||
        diff_package_versions(package, DIFF_NEW, &scratch, &ignored))
        versions = arena_format(&scratch, ": %.*s -> %.*s",
                                STR_ARG(join_versions(package, DIFF_OLD, &scratch)),
                                STR_ARG(join_versions(package, DIFF_NEW, &scratch)));
    else if (!is_large(package->size_bytes) && !is_large(package->packed_bytes))
        return;
    const uint64_t *size = package->size_bytes, *packed = package->packed_bytes;
    show_line(stdout, "%+6.2f MiB %+6.2f MiB  %.*s%.*s",
              signed_mebibytes(packed[DIFF_OLD], packed[DIFF_NEW]),
              signed_mebibytes(size[DIFF_OLD], size[DIFF_NEW]), STR_ARG(package->name),
              STR_ARG(versions));
}

static void print_text(const struct comparison *comparison, struct arena scratch)
{
    const struct image_diff *diff = &comparison->diff;
    const struct image_sizes *old = &comparison->images[DIFF_OLD]->sizes;
    const struct image_sizes *new = &comparison->images[DIFF_NEW]->sizes;
    show_line(stdout, "paths     %zu -> %zu: %zu added, %zu removed, %zu with other contents",
              comparison->lists[DIFF_OLD].count, comparison->lists[DIFF_NEW].count,
              diff->added_count, diff->removed_count, diff->changed_count);
    print_sizes("image", old->image_bytes, new->image_bytes);
    print_sizes("contents", old->total.size_bytes, new->total.size_bytes);
    print_sizes("packed", old->total.packed_bytes, new->total.packed_bytes);
    print_sizes("tables", old->table_bytes, new->table_bytes);
    show_line(stdout, "%s", "");
    show_line(stdout, "%10s %10s  %s", "in image", "unpacked", "package: versions");
    for (size_t i = 0; i < diff->package_count; i++)
        print_package(&diff->packages[i], scratch);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static cJSON *totals_json(const struct comparison *comparison, enum diff_side side)
{
    const struct image_sizes *sizes = &comparison->images[side]->sizes;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "image", (double)sizes->image_bytes);
    cJSON_AddNumberToObject(object, "paths", (double)comparison->lists[side].count);
    cJSON_AddNumberToObject(object, "size", (double)sizes->total.size_bytes);
    cJSON_AddNumberToObject(object, "packed", (double)sizes->total.packed_bytes);
    cJSON_AddNumberToObject(object, "tables", (double)sizes->table_bytes);
    return object;
}

static cJSON *item_json(const struct comparison *comparison, const struct diff_path *path,
                        enum diff_side side)
{
    return inspection_item_json(comparison->images[side], path->sides[side]->number);
}

/* Adds the paths that only this side has. */
static void add_paths(cJSON *object, const char *key, const struct comparison *comparison,
                      enum diff_side side)
{
    const struct image_diff *diff = &comparison->diff;
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < diff->path_count; i++)
        if (!diff->paths[i].sides[DIFF_SIDES - 1 - side])
            cJSON_AddItemToArray(array, item_json(comparison, &diff->paths[i], side));
}

static void add_changed(cJSON *object, const struct comparison *comparison)
{
    const struct image_diff *diff = &comparison->diff;
    cJSON *array = cJSON_AddArrayToObject(object, "changed");
    for (size_t i = 0; i < diff->path_count; i++) {
        if (!diff_path_is_changed(&diff->paths[i]))
            continue;
        cJSON *pair = cJSON_CreateObject();
        cJSON_AddItemToObject(pair, "old", item_json(comparison, &diff->paths[i], DIFF_OLD));
        cJSON_AddItemToObject(pair, "new", item_json(comparison, &diff->paths[i], DIFF_NEW));
        cJSON_AddItemToArray(array, pair);
    }
}

static cJSON *versions_json(const struct diff_package *package, enum diff_side side,
                            struct arena scratch)
{
    struct str *versions;
    size_t count = diff_package_versions(package, side, &scratch, &versions);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++)
        json_add_text(array, NULL, versions[i]);
    return array;
}

static cJSON *package_json(const struct diff_package *package, struct arena scratch)
{
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "name", package->name);
    cJSON_AddItemToObject(object, "removedVersions", versions_json(package, DIFF_OLD, scratch));
    cJSON_AddItemToObject(object, "addedVersions", versions_json(package, DIFF_NEW, scratch));
    cJSON_AddNumberToObject(object, "oldSize", (double)package->size_bytes[DIFF_OLD]);
    cJSON_AddNumberToObject(object, "newSize", (double)package->size_bytes[DIFF_NEW]);
    cJSON_AddNumberToObject(object, "oldPacked", (double)package->packed_bytes[DIFF_OLD]);
    cJSON_AddNumberToObject(object, "newPacked", (double)package->packed_bytes[DIFF_NEW]);
    return object;
}

static bool print_json(const struct comparison *comparison, struct arena scratch,
                       struct error *error)
{
    const struct image_diff *diff = &comparison->diff;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToObject(object, "old", totals_json(comparison, DIFF_OLD));
    cJSON_AddItemToObject(object, "new", totals_json(comparison, DIFF_NEW));
    add_paths(object, "added", comparison, DIFF_NEW);
    add_paths(object, "removed", comparison, DIFF_OLD);
    add_changed(object, comparison);
    cJSON *packages = cJSON_AddArrayToObject(object, "packages");
    for (size_t i = 0; i < diff->package_count; i++)
        if (diff_package_differs(&diff->packages[i]))
            cJSON_AddItemToArray(packages, package_json(&diff->packages[i], scratch));
    return json_print(object, error);
}

bool inspect_print_diff(const struct inspection *old, const struct inspection *new,
                        struct error *error)
{
    struct arena *arena = new->arena; /* not a copy: inspection_item_json makes one of its own */
    struct comparison comparison = {
        .images = { old, new },
    };
    for (size_t side = 0; side < DIFF_SIDES; side++)
        comparison.lists[side] = list_items(comparison.images[side], arena);
    comparison.diff = image_diff_make(comparison.lists, arena);
    if (new->as_json)
        return print_json(&comparison, *arena, error);
    print_text(&comparison, *arena);
    return true;
}
