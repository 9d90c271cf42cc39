/* registry.h — merging a list of paths into a store's database.
 *
 * Everything is checked before the first write, and written in one transaction. Afterwards the
 * rows are those that `nix-store --load-db` would have made, except that a path which is already
 * valid with the same NAR hash keeps its signatures, content address and `ultimate` mark, which
 * Nix clears.
 *
 * Source   Nix, LocalStore::registerValidPaths in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* What to do about paths that are not in the store directory. */
enum registry_missing {
    REGISTRY_MISSING_REFUSE, /* register nothing */
    REGISTRY_MISSING_SKIP,   /* leave them out, and all that depend on them */
    REGISTRY_MISSING_ACCEPT, /* do not look, as Nix does not */
};

/* How a new database is made. */
enum registry_loader {
    REGISTRY_LOADER_FILE, /* written as a file, without SQLite */
    REGISTRY_LOADER_SQL,
};

/* A registration time of 12 digits has passed the year 9999. */
#define REGISTRY_TIME_MAX INT64_C(253402300799)

struct registry_options {
    enum registry_missing missing;
    enum registry_loader loader;
    int64_t time_seconds; /* of paths that are added, since 1970 */
};

struct registry_result {
    size_t path_count; /* in the list */
    size_t added;      /* paths that were not valid before */
    size_t updated;    /* paths of which something changed */
    size_t references_added;
    /* Paths whose NAR hash in the database was another; they took the list's. */
    struct str *rehashed;
    size_t rehashed_count;
    /* Paths left out: first those that are missing, then those that depend on them. */
    struct str *left_out;
    size_t left_out_count, missing_count;
};

/* Merges a normalised list. The caller keeps the garbage collector away (collector.h), or a path could
 * go between the look for it and its registration. The names in the result are slices of the list.
 * On failure the database is as it was; a new one is not there. */
must_check bool registry_merge(const struct store *store, const struct path_list *list,
                               const struct registry_options *options, struct arena *arena,
                               struct registry_result *ret_result, struct error *error);
