/* presence.h — which paths of a list are on disk.
 *
 * One pass over the store directory, not one look-up per path; what it does not find is looked up.
 * A store path counts as present whatever it is: a file, a directory or a link, even a dangling one.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Sets ret_present[i] for the paths of a normalised list that are there.
 * A store directory that does not exist holds nothing. */
must_check bool presence_scan(const struct store *store, const struct path_list *list,
                              bool *ret_present, struct error *error);
