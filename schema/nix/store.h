/* store.h — the location of a Nix store.
 *
 * The store and state directories are named as in manifests and databases, but opened below `root`,
 * so that one can work on a store that is mounted elsewhere.
 */
#pragma once

#include "schema/base/arena.h"

#define STORE_DIR_DEFAULT "/nix/store"
#define STATE_DIR_DEFAULT "/nix/var/nix"

/* In the store: Nix's hard links to equal files, by their hash. */
#define STORE_LINKS_NAME ".links"

struct store {
    int root;             /* see base/root.h; owned */
    struct str store_dir; /* absolute, without "." and "..", terminated */
    struct str state_dir; /* the same */

    /* Called about once a second while we wait for another process: for what we wait, which process
     * it is, and for how long we have waited. May be null. */
    void (*waiting)(const void *context, const char *what, const char *holder, unsigned seconds);

    /* Called with a warning, for something odd that does not stop the work. May be null. */
    void (*warning)(const void *context, const char *sentence);

    const void *context; /* passed to both */
};

/* Opens a store. `root_path` null means '/'. A null directory means NIX_STORE_DIR or NIX_STATE_DIR
 * of the environment, or else the default; an empty one means the default. Refuses a root that is
 * not a directory; directories that are not absolute or have '.', '..' or empty components; and a
 * store directory that is not UTF-8 or has control characters. */
must_check bool store_open(const char *root_path, const char *store_dir, const char *state_dir,
                           struct arena *arena, struct store *ret_store, struct error *error);
