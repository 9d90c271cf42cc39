/* closure.h — the store paths that an image has to hold: some roots and all they refer to.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/path_info.h"
#include "schema/store.h"

/* Where path information comes from, and what is wanted of it. */
struct closure_request {
    const struct store *store;
    const char *registration;        /* a manifest; null: the store's database */
    const struct option_list *roots; /* paths, or links to them; "-": one a line on stdin */
    const struct option_list *added; /* more of them */
};

struct closure {
    struct path_list paths; /* normalised and closed */
};

/* Computes the closure. Refuses roots that are not valid, references to paths of which nothing is
 * known, and an empty closure. Whether the paths are on disk is not looked at. */
must_check bool closure_find(const struct closure_request *request, struct arena *arena,
                             struct closure *ret_closure, struct error *error);
