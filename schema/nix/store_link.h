/* store_link.h — from what a person names to the store path that is meant.
 *
 * Source   Nix, Store::followLinksToStorePath in src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/store.h"

/* A store path is taken without a look at the disk. Of any other path all links on its way are
 * followed, until it is a store path: /run/current-system, ./result, TOP/specialisation/NAME. A
 * relative path is taken relative to the working directory if the store's root is '/', else to the
 * root. Refuses what does not lead to a store path, what ends inside one, and illegal names.
 * *ret_base is in the arena. */
must_check bool store_link_resolve(const struct store *store, const char *path, struct arena *arena,
                                   struct str *ret_base, struct error *error);

/* The same, but a path inside the store is cut to the store path without a look at the disk, as Nix
 * does it. */
must_check bool store_link_enclosing(const struct store *store, const char *path,
                                     struct arena *arena, struct str *ret_base,
                                     struct error *error);

/* Makes a path absolute in the same manner and resolves '.', '..' and repeated '/' textually. */
struct str store_link_absolute(const struct store *store, const char *path, struct arena *arena);

/* Does an absolute path lead below the store directory? */
bool store_link_is_inside(const struct store *store, struct str path);
