/* closure.h — the store paths that an image has to hold: some roots and all they refer to.
 */
#pragma once

#include "builder/closure/path_source.h"
#include "schema/base/crew.h"
#include "schema/base/options.h"
#include "schema/nix/store.h"

/* Of a list of roots on standard input: a million paths of the greatest length. */
enum { CLOSURE_ROOTS_BYTES_MAX = 256 << 20 };

/* Where path information comes from, and what is wanted of it. Without `roots`, all paths of a source
 * that is a file are roots, and there must be some. */
struct closure_request {
    const struct store *store;
    struct path_source source;
    const struct option_list *roots; /* paths, or links to them; "-": one a line on stdin */
    const struct option_list *added; /* more of them */
    const struct crew *crew;         /* who hashes paths */
};

struct closure {
    struct path_list paths; /* normalised and closed */
};

/* Computes the closure. Refuses roots that are not valid, references to paths of which nothing is
 * known, and an empty closure. Whether the paths are on disk is not looked at, but where the source
 * tells no hashes: they are computed. */
must_check bool closure_find(const struct closure_request *request, struct arena *arena,
                             struct closure *ret_closure, struct error *error);
