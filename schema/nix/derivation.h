/* derivation.h — a derivation, the text of a `.drv` store path.
 *
 * Shape    Derive(OUTPUTS,INPUTS,SOURCES,SYSTEM,BUILDER,ARGUMENTS,ENVIRONMENT). Strings are in
 *          double quotes, with the escapes \" \\ \n \r \t.
 *            OUTPUTS      [("out","/nix/store/…","METHOD","HASH"),…]
 *            INPUTS       [("/nix/store/….drv",["out",…]),…]
 *            SOURCES      ["/nix/store/…",…]
 *            ENVIRONMENT  [("name","value"),…]
 *          Text after the closing parenthesis is ignored, as in Nix.
 * Kinds    An output that has a path but neither method nor hash is input-addressed; one that has
 *          all three is fixed. One without a path is content-addressed or deferred; these kinds are
 *          experimental in Nix, and refused.
 * Source   Nix, parseDerivation() and unparse() in src/libstore/derivations.cc.
 */
#pragma once

#include "schema/base/arena.h"

/* Larger derivations are refused. In practice, the largest have a few hundred KiB. */
static const size_t derivation_bytes_max = (size_t)64 << 20;

struct derivation_output {
    struct str name;
    struct str path;   /* full text */
    struct str method; /* "r:sha256", "md5", …; empty if input-addressed */
    struct str hash;   /* base-16; empty if input-addressed */
};

struct derivation_input {
    struct str path; /* full text */
    struct str *outputs;
    size_t output_count;
};

struct derivation_variable {
    struct str name;
    struct str value;
};

/* Outputs, inputs, sources and environment are sorted by their first string, as in Nix. */
struct derivation {
    struct derivation_output *outputs;
    size_t output_count;
    struct derivation_input *inputs;
    size_t input_count;
    struct str *sources;
    size_t source_count;
    struct str system, builder;
    struct str *arguments;
    size_t argument_count;
    struct derivation_variable *environment;
    size_t environment_count;
};

/* Parses a derivation. Strings without escapes are slices of `text`, which must outlive the result.
 * Refuses a malformed or truncated text, two outputs or variables of the same name, and outputs
 * without a path. Does not check whether paths are legal. */
must_check bool derivation_parse(struct str text, struct arena *arena,
                                 struct derivation *ret_derivation, struct error *error);

/* Return the output or variable of that name; null if there is none. */
const struct derivation_output *derivation_find_output(const struct derivation *derivation,
                                                       struct str name);
const struct derivation_variable *derivation_find_variable(const struct derivation *derivation,
                                                           struct str name);

/* Is it a fixed-output derivation: one output, "out", with method and hash? */
bool derivation_is_fixed(const struct derivation *derivation);
