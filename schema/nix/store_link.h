/* store_link.h — finds the store path that a path on the command line means.
 *
 * Source   Nix, Store::followLinksToStorePath in src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/store.h"

/* Resolves a path to a store path. A store path itself is accepted without looking at the disk. In
 * any other path, links are followed until it is a store path: /run/current-system, ./result,
 * TOP/specialisation/NAME. A relative path is relative to the working directory if the store's root
 * is '/', otherwise to that root. Refuses a path that does not lead to a store path, or ends inside
 * one, and illegal names. *ret_base is in the arena. */
must_check bool store_link_resolve(const struct store *store, const char *path, struct arena *arena,
                                   struct str *ret_base, struct error *error);

/* The same, but a path inside the store is cut to its store path without looking at the disk, as
 * Nix does. */
must_check bool store_link_enclosing(const struct store *store, const char *path,
                                     struct arena *arena, struct str *ret_base,
                                     struct error *error);

/* Makes a path absolute in the same way, and removes '.', '..' and repeated '/' textually. */
struct str store_link_absolute(const struct store *store, const char *path, struct arena *arena);

/* Does an absolute path lead below the store directory? */
bool store_link_is_inside(const struct store *store, struct str path);
