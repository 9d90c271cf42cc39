/* presence.h — finds out which paths exist in the store directory.
 *
 * Reads the directory once instead of looking up each path; only paths of the list that were not
 * found are looked up. A store path may be a file, a directory or a link, even a dangling one.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

struct presence {
    /* Set by the caller. */
    const struct path_list *list; /* normalised; borrowed */
    bool sees_all;                /* what is not in the list, too: for presence_saw */

    bool *is_there; /* for each path of the list */

    /* Of all names 64 bits of a hash, in the order of the directory and in a table of open addresses, 0
     * for a free one. The names of a large store would fill more memory than the CPU caches. */
    uint64_t *hashes, *seen;
    size_t seen_count, hashes_capacity, seen_capacity;
    uint64_t seed;
};

/* If the store directory does not exist, no path does. */
must_check bool presence_scan(const struct store *store, struct arena *arena,
                              struct presence *presence, struct error *error);

/* Is the store path in this directory, of a store or of a layer, now? */
must_check bool presence_look(int directory, struct str base, bool *ret_is_there,
                              struct error *error);

/* Was this name in the directory? False is certain for the moment of the scan, true but for one
 * chance in 2^64 for each name that was. */
bool presence_saw(const struct presence *presence, struct str base);
