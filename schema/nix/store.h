/* store.h — where a Nix store is.
 *
 * The store and state directories are what paths in manifests and databases say; they are looked
 * up below `root`, so that a store can be worked on that is mounted elsewhere.
 */
#pragma once

#include "schema/base/arena.h"

#define STORE_DIR_DEFAULT "/nix/store"
#define STATE_DIR_DEFAULT "/nix/var/nix"

struct store {
    int root;             /* see base/root.h; owned */
    struct str store_dir; /* absolute, plain, terminated */
    struct str state_dir; /* likewise */

    /* Called about once a second while another process is waited for: what for, who that is, and for
     * how long already. May be null. */
    void (*waiting)(const void *context, const char *what, const char *holder, unsigned seconds);

    /* Called with a sentence about something odd that is worked around. May be null. */
    void (*warning)(const void *context, const char *sentence);

    const void *context; /* of both */
};

/* `root_path` null means '/'. A null directory means NIX_STORE_DIR or NIX_STATE_DIR in the
 * environment, else the default; an empty one the default. Refuses a root that is not a directory
 * and a directory that is not absolute or has '.', '..' or empty components; a store directory that is
 * not UTF-8 or has control characters. */
must_check bool store_open(const char *root_path, const char *store_dir, const char *state_dir,
                           struct arena *arena, struct store *ret_store, struct error *error);
