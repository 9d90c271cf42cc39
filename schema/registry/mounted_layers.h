/* mounted_layers.h — the mounted layers of a store image.
 *
 * Shape    /nix/.ro-store, the topmost layer, and below it /nix/.ro-store.1, /nix/.ro-store.2 …, next to
 *          the store. An overlay joins them and a writable layer to the store.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

struct mounted_layers {
    const char **paths; /* topmost first, relative to the root */
    size_t count;
    bool has_gap; /* a number between two of them is missing */
};

must_check bool mounted_layers_find(const struct store *store, struct arena *arena,
                                    struct mounted_layers *ret_layers, struct error *error);

/* Finds the paths of a list that are not present, but lie in a layer: the garbage collector of this
 * machine deleted them. To the overlay that means to hide them. */
must_check bool mounted_layers_find_hidden(const struct store *store, const struct path_list *list,
                                           const bool *present, struct arena scratch,
                                           bool *ret_hidden, struct error *error);
