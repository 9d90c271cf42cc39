/* state.h — what a booted system expects beside the rows.
 */
#pragma once

#include "schema/nix/store.h"

/* Makes the directories of STATE_DIR that Nix makes when it opens a store, and the link
 * gcroots/profiles, so that a later unprivileged Nix finds them. */
must_check bool state_make_directories(const struct store *store, struct arena scratch,
                                       struct error *error);

enum state_tag_answer {
    STATE_TAG_THERE,
    STATE_TAG_MADE,
    STATE_TAG_READ_ONLY, /* it is not there, and its file system takes no files */
};

/* Makes the empty file that marks a NixOS system (nixos-rebuild looks for /etc/NIXOS), and its
 * directory; durable. An /etc that is built with the system may be read-only: that is an answer. */
must_check bool state_tag(const struct store *store, const char *path, struct arena scratch,
                          enum state_tag_answer *ret_answer, struct error *error);

/* Makes durable what is written on the file system of STATE_DIR: what a write-ahead log holds, a power
 * cut may still take away. */
must_check bool state_sync(const struct store *store, struct error *error);
