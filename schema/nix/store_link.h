/* store_link.h — from what a person names to the store path that is meant.
 *
 * Source   Nix, Store::followLinksToStorePath in src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/store.h"

/* A path inside the store is cut to the store path, without looking at the disk; a link elsewhere,
 * like /run/current-system or ./result, is followed until it leads into the store. A relative
 * path is taken relative to the working directory if the store's root is '/', else to the root.
 * Refuses what does not lead into the store and illegal names. *ret_base is in the arena. */
must_check bool store_link_resolve(const struct store *store, const char *path, struct arena *arena,
                                   struct str *ret_base, struct error *error);

/* Makes a path absolute in the same manner and resolves '.', '..' and repeated '/' textually. */
struct str store_link_absolute(const struct store *store, const char *path, struct arena *arena);

/* Does an absolute path lead below the store directory? */
bool store_link_is_inside(const struct store *store, struct str path);
