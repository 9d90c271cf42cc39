/* collector.h — keeping Nix's garbage collector away while paths are looked for and registered.
 *
 * Lock     STATE_DIR/gc.lock, with flock: exclusive while a collector deletes, shared while somebody
 *          needs paths to stay. It is never removed.
 * Order    Taken before any other lock, and kept until the command ends: from the look for the paths
 *          until their rows are committed, and the profile, which is the root of some, is set.
 * Source   Nix, openGCLock and addTempRoot in src/libstore/gc.cc (2.8.0; 2.26 does the same).
 */
#pragma once

#include "regd/command.h"

enum { COLLECTOR_WAIT_MS = 5 * 60 * 1000 };

/* Waits for a collector, with a word, at most COLLECTOR_WAIT_MS; makes the lock and STATE_DIR where
 * they are missing. Does nothing if the command holds the lock already; main lets it go. Refuses a
 * lock that cannot be opened, as no database could be written there either. */
must_check bool collector_hold(struct command *command, struct error *error);

/* The same for a command that only reads: it waits however long a collection takes, and does without
 * where there is no lock or it cannot be opened. */
must_check bool collector_hold_to_read(struct command *command, struct error *error);
