/* derivation_check.h — does a derivation say the right output paths?
 *
 * Nix recomputes them when it registers a `.drv`, so that nobody can claim another derivation's
 * outputs. Checked are, as in Nix since 2.34: the output paths (input-addressed ones from the hash
 * of the derivation modulo its fixed-output inputs, fixed ones from their hash), their names, and
 * the environment variable of each output.
 *
 * Input derivations are read from the store directory, whether registered or not; those of a
 * fixed-output derivation are not needed. The walk keeps its own stack, so that a chain may be of
 * any depth, and remembers every derivation it has seen.
 *
 * Source   Nix, Derivation::checkInvariants and hashDerivationModulo in
 * src/libstore/derivations.cc, makeOutputPath and makeFixedOutputPath in src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/derivation.h"
#include "schema/nix/digest.h"
#include "schema/nix/name_table.h"

struct derivation_checker {
    int store;                     /* directory that holds the store paths; borrowed */
    struct str store_dir;          /* its name in the paths */
    struct arena *arena;           /* holds everything that is read */
    struct name_table names;       /* of the derivations that were entered */
    struct derivation_memo *memos; /* by the names' numbers */
    size_t memo_capacity;
};

struct derivation_checker derivation_checker_make(int store, struct str store_dir,
                                                  struct arena *arena);

/* Reads the derivation `base`, which must outlive the checker, and checks it. After a refusal the
 * checker is of no use. */
must_check bool derivation_check(struct derivation_checker *checker, struct str base,
                                 struct derivation *ret_derivation, struct error *error);
