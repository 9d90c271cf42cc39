/* unpack_choice.h — which paths of an image are to be unpacked.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/nix/path_info.h"

/* Chooses some store paths and all that they refer to; without one, the whole list, which has been
 * normalised. *ret_chosen has a flag for each path of the list. Refuses a path that is not in the
 * list, and a reference to one that is not. */
must_check bool unpack_choose(const struct path_list *list, struct str store_dir,
                              const struct option_list *paths, struct arena *arena,
                              bool **ret_chosen, struct error *error);
