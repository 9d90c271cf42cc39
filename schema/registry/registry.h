/* registry.h — merges a list of paths into a store's database.
 *
 * Everything is checked before the first write, and written in one transaction. The resulting rows
 * are those that `nix-store --load-db` would have written, with one exception: a path that is
 * already valid with the same NAR hash keeps its signatures, content address and `ultimate` mark.
 * Nix clears them.
 *
 * Source   Nix, LocalStore::registerValidPaths in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"
#include "schema/registry/vanished.h"

/* What to do with paths that do not exist in the store directory. */
enum registry_missing {
    REGISTRY_MISSING_REFUSE, /* register nothing */
    REGISTRY_MISSING_SKIP,   /* skip them, and all paths that depend on them */
    REGISTRY_MISSING_ACCEPT, /* do not check, like Nix */
};

/* What to do with valid paths that have vanished from the store (vanished.h). */
enum registry_vanished {
    REGISTRY_VANISHED_FORGET, /* if the store is whole: see is_whole */
    REGISTRY_VANISHED_KEEP,
};

/* How a new database is created. */
enum registry_loader {
    REGISTRY_LOADER_FILE, /* written as a file, without SQLite (store_file.h) */
    REGISTRY_LOADER_SQL,
};

/* The end of the year 9999; later times are refused. */
#define REGISTRY_TIME_MAX INT64_C(253402300799)

struct registry_options {
    enum registry_missing missing;
    enum registry_vanished vanished;
    enum registry_loader loader;
    bool is_whole;        /* the list is from all layers of the store, as far as they can be seen */
    int64_t time_seconds; /* registration time of added paths, since 1970 */
};

struct registry_result {
    size_t path_count; /* in the list */
    size_t added;      /* paths that were not valid before */
    size_t updated;    /* paths whose row was changed */
    size_t references_added;
    /* Paths that had another NAR hash in the database; they now have the list's. */
    struct str *rehashed;
    size_t rehashed_count;
    /* Paths that were skipped: first those that lie in a layer, but were collected on this machine
     * (mounted_layers.h); then those that are missing; then those that depend on either. */
    struct str *left_out;
    size_t left_out_count, collected_count, missing_count;
    struct vanished vanished;
};

/* Merges a normalised list. The caller must hold the collector's lock (collector.h), so that no
 * path is deleted between the check that it exists and its registration. The names in the result
 * are slices of the list. On failure the database is unchanged, and no new one is created. */
must_check bool registry_merge(const struct store *store, const struct path_list *list,
                               const struct registry_options *options, struct arena *arena,
                               struct registry_result *ret_result, struct error *error);
