/* nar_hashes.h — hashes and sizes of NARs, where what tells of the paths does not say them.
 */
#pragma once

#include "schema/base/crew.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Computes them for all paths of a list from what is on disk, by a crew. Refuses paths that
 * are not there or cannot be read. */
must_check bool nar_hashes_compute(const struct store *store, struct path_list *list,
                                   const struct crew *crew, struct error *error);
