/* state.h — files and directories of a booted system besides the database.
 */
#pragma once

#include "schema/nix/store.h"

/* Checks before the work that state_make_directories can succeed, as far as that is known then. */
must_check bool state_check_directories(const struct store *store, struct arena scratch,
                                        struct error *error);

/* Creates the directories of STATE_DIR that Nix creates when it opens a store, and the link
 * gcroots/profiles, so that an unprivileged Nix later finds them. */
must_check bool state_make_directories(const struct store *store, struct arena scratch,
                                       struct error *error);

/* The usual tag. */
#define STATE_TAG_PATH "/etc/NIXOS"

enum state_tag_answer {
    STATE_TAG_THERE,
    STATE_TAG_MADE,
    STATE_TAG_READ_ONLY, /* it does not exist, and its file system is read-only */
};

/* Creates and syncs the empty file that marks a NixOS system (nixos-rebuild looks for /etc/NIXOS),
 * and its directory. An /etc that is part of the system's image may be read-only: that is not an
 * error. */
must_check bool state_tag(const struct store *store, const char *path, struct arena scratch,
                          enum state_tag_answer *ret_answer, struct error *error);

/* Syncs the file system of STATE_DIR: until then a power cut may undo what is only in a write-ahead
 * log. */
must_check bool state_sync(const struct store *store, struct error *error);
