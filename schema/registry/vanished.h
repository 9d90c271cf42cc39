/* vanished.h — paths that are valid, but are no longer in the store.
 *
 * Where the state stays and the image below it changes, the database has rows of paths that only an
 * older image had. Nix takes them for present: it neither fetches nor builds them, and what needs
 * them fails. `nix-store --verify` forgets them; so does this, at every boot.
 *
 * Forgotten  Paths that are not in the store, unless something that is there refers to them,
 *            directly or not. Their rows in Refs, DerivationOutputs and Realisations go with them.
 * Kept       Those that something present refers to. It does not work without them, so they are
 *            named.
 * Source     Nix, LocalStore::verifyPath in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/registry/presence.h"

/* A path that is kept, and one that is there and refers to it, or one that is itself kept. */
struct vanished_needed {
    struct str path, needed_by; /* base names */
};

struct vanished {
    struct str *forgotten; /* base names, ascending */
    size_t forgotten_count;
    struct vanished_needed *needed; /* ascending */
    size_t needed_count;
};

/* Deletes the rows. The caller has begun a transaction, holds the collector's lock (collector.h)
 * since before the scan, and knows that the store is whole: that all its layers are mounted. */
must_check bool vanished_forget(const struct store_db *db, const struct presence *presence,
                                struct arena *arena, struct vanished *ret_vanished,
                                struct error *error);
