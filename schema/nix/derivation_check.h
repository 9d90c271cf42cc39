/* derivation_check.h — checks that a derivation states the right output paths.
 *
 * Nix recomputes them when it registers a `.drv`, so that no derivation can claim the outputs of
 * another. As in Nix since 2.34, the following are checked: the output paths (input-addressed ones
 * from the hash of the derivation modulo its fixed-output inputs, fixed ones from their hash),
 * their names, and the environment variable of each output.
 *
 * Input derivations are read from the store directory, whether they are registered or not; the
 * inputs of a fixed-output derivation are not needed. The walk keeps its own stack, so that a chain
 * of inputs may have any length, and visits each derivation once.
 *
 * Source   Nix, Derivation::checkInvariants and hashDerivationModulo in
 * src/libstore/derivations.cc, makeOutputPath and makeFixedOutputPath in src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/derivation.h"
#include "schema/nix/digest.h"
#include "schema/nix/name_table.h"

struct derivation_checker {
    int store;                     /* the directory that holds the store paths; borrowed */
    struct str store_dir;          /* the store directory's name in store paths */
    struct arena *arena;           /* holds all derivations that are read */
    struct name_table names;       /* the base names of the derivations that were visited */
    struct derivation_memo *memos; /* indexed by the number of the name */
    size_t memo_capacity;
};

struct derivation_checker derivation_checker_make(int store, struct str store_dir,
                                                  struct arena *arena);

/* Reads the derivation of the store path `base` and checks it. `base` must outlive the checker.
 * After a failure the checker must not be used again. */
must_check bool derivation_check(struct derivation_checker *checker, struct str base,
                                 struct derivation *ret_derivation, struct error *error);
