/* tree_linker.h — makes equal files of a store one file, as `nix-store --optimise` does.
 *
 * Shape    STORE_DIR/.links/HASH is a hard link to every file, and symbolic link, whose own NAR has that
 *          SHA-256, in nix32. A collector removes the names there that nothing else shares.
 * Whole    At any moment a path has all of its files: a name is only ever renamed over an equal file.
 *          What is in .links is hashed before it is used; if it is damaged, or not sealed (nar.h), it is
 *          replaced.
 * Left     Files that their owner may write; and what the file system has no room for: a link more of a file,
 *          or a name more in .links.
 * Source   Nix, LocalStore::optimisePath_ in src/libstore/optimise-store.cc.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/budget.h"
#include "schema/nix/store.h"

struct tree_linker {
    const struct image *image;
    int store, links;      /* directories; borrowed */
    const char *temporary; /* a name in the store that nothing has */
    struct budget *contents;
    uid_t owner; /* of the store, see nar_is_owned */
};

/* Opens .links of a store, which is created if it is missing. It must be a directory to which nobody else can
 * write, because he could exchange what was looked at. */
must_check bool tree_linker_open(int store, uid_t owner, int *ret_fd, struct error *error);

/* Links the files of a path that is in the store as it is in the image; `top` is its node there. Threads
 * may link different paths at the same time. *linked_count grows by the files that became another's. scratch is
 * as for nar_hash. */
must_check bool tree_link(const struct tree_linker *linker, uint32_t top, struct arena scratch,
                          size_t *linked_count, struct error *error);
