/* derivation_hash.h — the hashes from which output paths are computed.
 *
 * Source   Nix, hashDerivationModulo in src/libstore/derivations.cc, makeStorePath in
 *          src/libstore/store-api.cc.
 */
#pragma once

#include "schema/nix/derivation.h"
#include "schema/nix/digest.h"

/* Returns the hash of the derivation's text with `inputs` in place of its own inputs. The paths in
 * `inputs` are the hashes of the input derivations, sorted. If `masked`, the derivation's own
 * output paths and their variables are empty: output paths are computed from that hash. */
struct hash derivation_hash(const struct derivation *derivation,
                            const struct derivation_input *inputs, size_t input_count, bool masked);

/* Returns the hash of a fixed-output derivation for the derivations that use it. It depends on the
 * output only. */
struct hash derivation_hash_fixed(const struct derivation_output *output);

/* Makes the base name that Nix gives to a store object: the compressed hash of
 * "TYPE:sha256:INNER:STORE_DIR:NAME", then "-NAME". */
struct str derivation_make_base(struct arena *arena, struct str store_dir, const char *type,
                                const struct hash *inner, struct str name);
