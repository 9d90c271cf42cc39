/* nar_hashes.h — computes the NAR hashes and sizes of paths whose source does not state them.
 */
#pragma once

#include "schema/base/crew.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Sets the hashes and sizes of all paths of a list from the files on disk. Refuses paths that do
 * not exist or cannot be read. */
must_check bool nar_hashes_compute(const struct store *store, struct path_list *list,
                                   const struct crew *crew, struct error *error);
