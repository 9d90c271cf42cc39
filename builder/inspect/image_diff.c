#include "builder/inspect/image_diff.h"

#include "schema/nix/store_path.h"

#include <stdlib.h>

/* --- Paths ------------------------------------------------------------------------------------ */

bool diff_path_is_changed(const struct diff_path *path)
{
    const struct diff_item *old = path->sides[DIFF_OLD], *new = path->sides[DIFF_NEW];
    return old && new && !hash_equal(old->nar_hash, new->nar_hash);
}

static void count_path(struct image_diff *diff, const struct diff_path *path)
{
    diff->added_count += !path->sides[DIFF_OLD];
    diff->removed_count += !path->sides[DIFF_NEW];
    diff->changed_count += diff_path_is_changed(path);
}

/* Compares the first items that are left of each list; an ended list comes last. */
static int compare_next(const struct diff_list lists[DIFF_SIDES], const size_t next[DIFF_SIDES])
{
    bool old_ended = next[DIFF_OLD] == lists[DIFF_OLD].count;
    bool new_ended = next[DIFF_NEW] == lists[DIFF_NEW].count;
    if (old_ended || new_ended)
        return old_ended - new_ended;
    return str_compare(lists[DIFF_OLD].items[next[DIFF_OLD]].base,
                       lists[DIFF_NEW].items[next[DIFF_NEW]].base);
}

/* Merges the sorted lists. */
static void pair_paths(const struct diff_list lists[DIFF_SIDES], struct image_diff *diff)
{
    size_t next[DIFF_SIDES] = { 0 };
    while (next[DIFF_OLD] < lists[DIFF_OLD].count || next[DIFF_NEW] < lists[DIFF_NEW].count) {
        struct diff_path *path = &diff->paths[diff->path_count++];
        int order = compare_next(lists, next);
        *path = (struct diff_path){ 0 };
        if (order <= 0)
            path->sides[DIFF_OLD] = &lists[DIFF_OLD].items[next[DIFF_OLD]++];
        if (order >= 0)
            path->sides[DIFF_NEW] = &lists[DIFF_NEW].items[next[DIFF_NEW]++];
        struct str base = path->sides[order > 0 ? DIFF_NEW : DIFF_OLD]->base;
        path->package = package_name_split(store_path_name(base));
        count_path(diff, path);
    }
}

/* --- Packages --------------------------------------------------------------------------------- */

static int compare_packages(const void *left, const void *right)
{
    const struct diff_path *const *a = left, *const *b = right;
    int order = package_name_compare(&(*a)->package, &(*b)->package);
    return order ? order : (*a > *b) - (*a < *b);
}

static void add_sizes(struct diff_package *package, const struct diff_path *path)
{
    for (size_t side = 0; side < DIFF_SIDES; side++) {
        const struct diff_item *item = path->sides[side];
        package->size_bytes[side] += item ? item->size_bytes : 0;
        package->packed_bytes[side] += item ? item->packed_bytes : 0;
    }
}

static void group_packages(struct image_diff *diff, struct arena *arena)
{
    const struct diff_path **sorted = arena_new(arena, const struct diff_path *, diff->path_count);
    for (size_t i = 0; i < diff->path_count; i++)
        sorted[i] = &diff->paths[i];
    qsort(sorted, diff->path_count, sizeof *sorted, compare_packages);
    diff->packages = arena_new(arena, struct diff_package, diff->path_count);
    struct diff_package *package = NULL;
    for (size_t i = 0; i < diff->path_count; i++) {
        struct str name = sorted[i]->package.name;
        if (!package || !str_equal(package->name, name)) {
            package = &diff->packages[diff->package_count++];
            *package = (struct diff_package){ .name = name, .paths = &sorted[i] };
        }
        package->path_count++;
        add_sizes(package, sorted[i]);
    }
}

struct image_diff image_diff_make(const struct diff_list lists[DIFF_SIDES], struct arena *arena)
{
    struct image_diff diff = {
        .paths = arena_new(arena, struct diff_path, lists[DIFF_OLD].count + lists[DIFF_NEW].count),
    };
    pair_paths(lists, &diff);
    group_packages(&diff, arena);
    return diff;
}

size_t diff_package_versions(const struct diff_package *package, enum diff_side side,
                             struct arena *arena, struct str **ret_versions)
{
    size_t count = 0;
    struct str *versions = arena_new(arena, struct str, package->path_count);
    for (size_t i = 0, end; i < package->path_count; i = end) {
        bool is_on[DIFF_SIDES] = { false };
        struct str version = package->paths[i]->package.version;
        for (end = i;
             end < package->path_count && str_equal(package->paths[end]->package.version, version);
             end++) {
            is_on[DIFF_OLD] |= package->paths[end]->sides[DIFF_OLD] != NULL;
            is_on[DIFF_NEW] |= package->paths[end]->sides[DIFF_NEW] != NULL;
        }
        if (is_on[side] && !is_on[DIFF_SIDES - 1 - side])
            versions[count++] = version;
    }
    *ret_versions = versions;
    return count;
}

bool diff_package_differs(const struct diff_package *package)
{
    for (size_t i = 0; i < package->path_count; i++) {
        const struct diff_path *path = package->paths[i];
        if (!path->sides[DIFF_OLD] || !path->sides[DIFF_NEW] || diff_path_is_changed(path))
            return true;
    }
    return package->size_bytes[DIFF_OLD] != package->size_bytes[DIFF_NEW] ||
           package->packed_bytes[DIFF_OLD] != package->packed_bytes[DIFF_NEW];
}
