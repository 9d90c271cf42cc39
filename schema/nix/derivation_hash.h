/* derivation_hash.h — the hashes from which output paths are made.
 *
 * Source   Nix, hashDerivationModulo in src/libstore/derivations.cc, makeStorePath in
 *          src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/derivation.h"
#include "schema/nix/digest.h"

/* The hash of the derivation's text with `inputs` in place of its own (their paths being the
 * hashes that stand for them, ascending). `masked`: its own output paths and their variables are
 * blank, which is what these paths are made from. */
struct hash derivation_hash(const struct derivation *derivation,
                            const struct derivation_input *inputs, size_t input_count, bool masked);

/* What stands for a fixed-output derivation in those that use it: only its output counts. */
struct hash derivation_hash_fixed(const struct derivation_output *output);

/* The base name that Nix gives to an object: NAME behind the folded hash of
 * "TYPE:sha256:INNER:STORE_DIR:NAME". */
struct str derivation_make_base(struct arena *arena, struct str store_dir, const char *type,
                                const struct hash *inner, struct str name);
