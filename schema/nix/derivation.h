/* derivation.h — a derivation, the text of a `.drv` store path.
 *
 * Shape    Derive(OUTPUTS,INPUTS,SOURCES,SYSTEM,BUILDER,ARGUMENTS,ENVIRONMENT) where strings are in
 *          double quotes with the escapes \" \\ \n \r \t and
 *            OUTPUTS      [("out","/nix/store/…","METHOD","HASH"),…]
 *            INPUTS       [("/nix/store/….drv",["out",…]),…]
 *            SOURCES      ["/nix/store/…",…]
 *            ENVIRONMENT  [("name","value"),…]
 *          What stands behind the closing parenthesis is ignored, as Nix ignores it.
 * Kinds    An output with a path and neither method nor hash is input-addressed; with all three it
 *          is fixed. Without a path it is content-addressed or deferred: experimental, and refused.
 * Source   Nix, parseDerivation() and unparse() in src/libstore/derivations.cc.
 */
#pragma once

#include "schema/base/arena.h"

/* Larger derivations are refused. The largest seen in practice take a few hundred KiB. */
static const size_t derivation_bytes_max = (size_t)64 << 20;

struct derivation_output {
    struct str name;
    struct str path;   /* full text */
    struct str method; /* "r:sha256", "md5"...; empty: input-addressed */
    struct str hash;   /* base-16; empty likewise */
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

/* Outputs, inputs, sources and environment ascend by their first string, as Nix keeps them. */
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

/* Strings without escapes are slices of text, which must outlive the result.
 * Refuses a malformed or cut text, two outputs or variables of one name, and outputs without a
 * path. Whether paths are legal is not looked at. */
must_check bool derivation_parse(struct str text, struct arena *arena,
                                 struct derivation *ret_derivation, struct error *error);

/* Null if there is none of that name. */
const struct derivation_output *derivation_find_output(const struct derivation *derivation,
                                                       struct str name);
const struct derivation_variable *derivation_find_variable(const struct derivation *derivation,
                                                           struct str name);

/* Is it a fixed-output derivation: one output, "out", with method and hash? */
bool derivation_is_fixed(const struct derivation *derivation);
