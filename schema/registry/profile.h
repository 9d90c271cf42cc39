/* profile.h — profiles and their generations.
 *
 * Shape    PROFILE         -> NAME-N-link, the current generation (a relative link)
 *          PROFILE-N-link  -> STORE_DIR/…, generation N
 *          STATE_DIR/gcroots/auto/<nix32 of the SHA-1 of PROFILE-N-link> -> PROFILE-N-link
 * Rules    If the highest generation already has the target, no new one is created. Otherwise N is
 *          the highest number plus one. A directory entry counts as a generation if its name starts
 *          with "NAME-", a number of 32 bits and "-link", whatever its type and whatever follows.
 * Source   Nix, src/libstore/profiles.cc and gc.cc. The links are those of `nix-env --set`.
 */
#pragma once

#include "schema/nix/store.h"

struct generation {
    uint64_t number;
    struct str name;      /* of the entry: NAME-N-link, or an odder spelling */
    int64_t made_seconds; /* modification time of its link */
    bool is_current;
    struct str target; /* of the link; empty if the entry is not one */
    bool has_vanished; /* the link leads to nothing: an older image had the target */
};

struct generation_list {
    struct generation *items; /* ascending by number */
    size_t count, capacity;
};

enum profile_state {
    PROFILE_MISSING,
    PROFILE_DANGLING, /* a dangling link */
    PROFILE_VALID,
};

/* Finds out whether the profile exists and leads to something. Fails if it is not a link, as
 * profile_set does. */
must_check bool profile_look(const struct store *store, const char *profile,
                             enum profile_state *ret_state, struct error *error);

/* Lists the generations. A profile without any gives an empty list. */
must_check bool profile_list(const struct store *store, const char *profile, struct arena *arena,
                             struct generation_list *ret_list, struct error *error);

/* Points the profile at a store path, and creates a generation if necessary. The path must be valid
 * in the database. The caller must hold the collector's lock (collector.h), because the path has no
 * root yet. At any moment each link is either the old or the new one. */
must_check bool profile_set(const struct store *store, const char *profile, struct str base,
                            struct arena *arena, uint64_t *ret_number, struct error *error);

/* Points the profile at the last generation before the current one whose target is there. */
must_check bool profile_rollback(const struct store *store, const char *profile,
                                 struct arena *arena, uint64_t *ret_from, uint64_t *ret_number,
                                 struct error *error);

/* Removes the links of the generations that have vanished, except for the current one, as
 * `nix-env --delete-generations` does. The garbage collector then removes their roots. *ret_removed
 * has those that were removed. */
must_check bool profile_prune(const struct store *store, const char *profile, struct arena *arena,
                              struct generation_list *ret_removed, struct error *error);
