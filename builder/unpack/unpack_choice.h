/* unpack_choice.h — which paths of an image are wanted: all, or the closure of some.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/nix/path_info.h"

struct unpack_wish {
    const struct path_list *listed;  /* what the image's manifest lists; normalised */
    struct str store_dir;            /* the store directory of the names */
    const struct option_list *names; /* store paths or their base names; none: all that is listed */
};

/* Sets ret_chosen[i] for each wanted path of the list. The others are false before the call. Refuses a
 * name that the list does not have, and a wanted path that refers to one that it does not have. */
must_check bool unpack_choose(const struct unpack_wish *wish, struct arena scratch,
                              bool *ret_chosen, struct error *error);
