/* closure.h — computes the closure: some root paths and all paths that they refer to.
 */
#pragma once

#include "builder/closure/path_source.h"
#include "schema/base/crew.h"
#include "schema/base/options.h"
#include "schema/nix/store.h"

/* Limit of a list of roots on standard input: a million paths of the greatest length. */
enum { CLOSURE_ROOTS_BYTES_MAX = 256 << 20 };

/* The source of path information, and the roots. If there are no `roots` and the source is a file,
 * all its paths are roots; there must be at least one. */
struct closure_request {
    const struct store *store;
    struct path_source source;
    const struct option_list *roots; /* paths, or links to them; "-": from stdin, one a line */
    const struct option_list *added; /* more roots */
    const struct crew *crew;         /* the threads that hash paths */
};

struct closure {
    struct path_list paths; /* normalised and closed */
};

/* Computes the closure. Refuses roots that are not valid, references to unknown paths, and an empty
 * closure. Does not check that the paths exist; but if the source has no hashes, they are computed
 * from the files. */
must_check bool closure_find(const struct closure_request *request, struct arena *arena,
                             struct closure *ret_closure, struct error *error);
