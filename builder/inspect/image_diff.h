/* image_diff.h — pairs the paths of two lists, and the packages that they belong to.
 *
 * Paths     Paired by base name. A path that has another NAR hash in the other list is changed.
 * Packages  Paths are grouped by the name of their package (package_name.h), as by `nix store
 *           diff-closures`. A version counts as removed or added if no path of the package has it
 *           on the other side.
 */
#pragma once

#include "builder/inspect/package_name.h"
#include "schema/base/arena.h"
#include "schema/nix/hash.h"

enum diff_side { DIFF_OLD, DIFF_NEW, DIFF_SIDES };

/* A path on one side. */
struct diff_item {
    struct str base; /* a legal base name */
    const struct hash *nar_hash;
    uint32_t number; /* the caller's */
    uint64_t size_bytes, packed_bytes;
};

/* The paths of one side, sorted by base name, without duplicates. */
struct diff_list {
    struct diff_item *items;
    size_t count;
};

/* A path of at least one side. */
struct diff_path {
    const struct diff_item *sides[DIFF_SIDES]; /* null: not on this side */
    struct package_name package;
};

struct diff_package {
    struct str name;
    const struct diff_path *const *paths; /* sorted by version */
    size_t path_count;
    uint64_t size_bytes[DIFF_SIDES], packed_bytes[DIFF_SIDES]; /* of all its paths */
};

struct image_diff {
    struct diff_path *paths; /* sorted by base name */
    size_t path_count;
    struct diff_package *packages; /* sorted by name */
    size_t package_count;
    size_t added_count, removed_count, changed_count; /* of the paths */
};

/* The result refers to the lists. */
struct image_diff image_diff_make(const struct diff_list lists[DIFF_SIDES], struct arena *arena);

/* Is the path on both sides, with different hashes? */
bool diff_path_is_changed(const struct diff_path *path);

/* Finds the versions that only this side has, sorted and without duplicates. Returns their number.
 * An empty text stands for paths without a version. */
size_t diff_package_versions(const struct diff_package *package, enum diff_side side,
                             struct arena *arena, struct str **ret_versions);

/* Does anything of the package differ: a path, its contents, or its size in the image? */
bool diff_package_differs(const struct diff_package *package);
