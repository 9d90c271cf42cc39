/* collector.h — keeps Nix's garbage collector from running while paths are registered.
 *
 * Lock     STATE_DIR/gc.lock, with flock: held exclusively by a collector that deletes, shared by a
 *          process that needs paths to stay. The file is never removed.
 * Order    Taken before any other lock, and held until the command ends: from the check that the
 *          paths exist until their rows are committed and the profile, a garbage collector root, is
 *          set.
 * Source   Nix, openGCLock and addTempRoot in src/libstore/gc.cc (2.8.0; 2.26 does the same).
 */
#pragma once

#include "schema/nix/store.h"

enum { COLLECTOR_WAIT_MS = 5 * 60 * 1000 };

/* Takes the lock; creates it and STATE_DIR if they are missing. Waits for a collector at most
 * COLLECTOR_WAIT_MS, and tells that (store.h). *ret_lock is -1, and becomes the lock, which the caller
 * closes; if it is another number, the lock is held already and nothing is done. Fails if the lock
 * cannot be opened, because then no database can be written either. */
must_check bool collector_hold(const struct store *store, int *ret_lock, struct error *error);

/* The same for a command that only reads. It waits without a limit, and continues without the lock
 * if that does not exist or cannot be opened. */
must_check bool collector_hold_to_read(const struct store *store, int *ret_lock,
                                       struct error *error);
