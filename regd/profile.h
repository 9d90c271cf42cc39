/* profile.h — profiles and their generations.
 *
 * Shape    PROFILE         -> NAME-N-link, the current generation (a relative link)
 *          PROFILE-N-link  -> STORE_DIR/…, generation N
 *          STATE_DIR/gcroots/auto/<nix32 of the SHA-1 of PROFILE-N-link> -> PROFILE-N-link
 * Rules    The same target as that of the highest generation makes no new one; else N is the highest
 *          number plus one. An entry of the directory counts as a generation if its name starts with
 *          "NAME-", a number of 32 bits and "-link"; whatever it is and whatever follows.
 * Source   Nix, src/libstore/profiles.cc and gc.cc. The links are those of `nix-env --set`.
 */
#pragma once

#include "schema/nix/store.h"

struct generation {
    uint64_t number;
    struct str name;      /* of its entry: NAME-N-link, or an odder spelling */
    int64_t made_seconds; /* modification time of its link */
    bool is_current;
    struct str target; /* of the link; empty if the entry is not one */
};

struct generation_list {
    struct generation *items; /* ascending by number */
    size_t count, capacity;
};

enum profile_state {
    PROFILE_MISSING,
    PROFILE_DANGLING, /* leads nowhere */
    PROFILE_VALID,
};

/* Does the profile lead to something? Refuses what is not a link, as setting it would. */
must_check bool profile_look(const struct store *store, const char *profile,
                             enum profile_state *ret_state, struct error *error);

/* Lists the generations. A profile without any gives an empty list. */
must_check bool profile_list(const struct store *store, const char *profile, struct arena *arena,
                             struct generation_list *ret_list, struct error *error);

/* Points the profile at a store path, making a generation if need be. The path has to be valid in
 * the database, and the caller to keep the garbage collector away (collector.h): it has no root yet. Each link is either as before or as wanted, whenever one looks. */
must_check bool profile_set(const struct store *store, const char *profile, struct str base,
                            struct arena *arena, uint64_t *ret_number, struct error *error);

/* Points the profile at the highest generation below the current one. */
must_check bool profile_rollback(const struct store *store, const char *profile,
                                 struct arena *arena, uint64_t *ret_from, uint64_t *ret_number,
                                 struct error *error);
