/* state.h — what a booted system expects beside the rows.
 */
#pragma once

#include "schema/nix/store.h"

/* Makes the directories of STATE_DIR that Nix makes when it opens a store, and the link
 * gcroots/profiles, so that a later unprivileged Nix finds them. */
must_check bool state_make_directories(const struct store *store, struct arena scratch,
                                       struct error *error);

/* Makes the empty file that marks a NixOS system (nixos-rebuild looks for /etc/NIXOS), and its
 * directory. *ret_made is false if it was there. */
must_check bool state_tag(const struct store *store, const char *path, struct arena scratch,
                          bool *ret_made, struct error *error);
