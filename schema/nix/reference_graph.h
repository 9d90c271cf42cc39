/* reference_graph.h — the closure of some paths as Nix gives it to a build that asks for it by
 * `exportReferencesGraph`.
 *
 * Shape    Text, of a derivation without structured attributes: one record per path, fields one to
 *          a line, '\n' after each:
 *            path       STORE_DIR/<digest>-<name>
 *            deriver    a store path, or empty, as it always is where Nix writes it for a build
 *            count      number of references, decimal
 *            reference  `count` lines, each a store path
 *          There are no hashes and no sizes: they have to be computed from what is on disk.
 *
 *          JSON, of one with structured attributes: the list of objects (path_info_json.h), or the
 *          whole .attrs.json with one such list in it, of which exportReferencesGraph has the name.
 *          The first byte tells: '[' or '{' is JSON.
 * Order    Any. Several graphs may stand one behind the other; what they say of one path must be
 *          the same.
 * Closed   Every reference of a text has a record: what Nix writes is a closure. (A list may be
 *          less; only what is wanted of it is looked at.)
 * Source   Nix, makeValidityRegistration() in src/libstore/store-api.cc for the text, called where
 *          exportReferencesGraph is handled in src/libstore/build/local-derivation-goal.cc (today
 *          derivation-env-desugar.cc); prepareStructuredAttrs() in parsed-derivations.cc for the
 *          JSON, which from 2.8.0 to today gained only `valid`.
 */
#pragma once

#include "schema/nix/path_info.h"

struct reference_graph {
    struct path_list paths; /* normalised */
    bool has_hashes;        /* and sizes; else both are zero */
};

/* Reads a whole graph. Nothing in the result refers to the text.
 * Refuses a malformed line, naming its number, two records of one path that differ, a reference
 * without a record, and what path_info_json_parse refuses. */
must_check bool reference_graph_parse(struct str text, struct str store_dir, struct arena *arena,
                                      struct reference_graph *ret_graph, struct error *error);
