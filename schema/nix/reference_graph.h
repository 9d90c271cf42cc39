/* reference_graph.h — the closure of some paths, as Nix passes it to a build by
 * `exportReferencesGraph`.
 *
 * Shape    Text, for a derivation without structured attributes: one record per path, one field per
 *          line, each line ended by '\n':
 *            path       STORE_DIR/<digest>-<name>
 *            deriver    a store path, or empty; always empty if Nix wrote it for a build
 *            count      number of references, decimal
 *            reference  `count` lines, each a store path
 *          There are no hashes and no sizes: they must be computed from the files.
 *
 *          JSON, for a derivation with structured attributes: the list of objects
 *          (path_info_json.h), or the whole .attrs.json with one such list, whose name
 *          exportReferencesGraph has. A file that starts with '[' or '{' is JSON.
 * Order    Any. Several graphs may be concatenated. Records of the same path must be equal.
 * Closed   In a text, every reference must have a record, because Nix writes a closure. (A JSON
 *          list may be incomplete; only the needed part of it is checked.)
 * Source   Nix, makeValidityRegistration() in src/libstore/store-api.cc for the text, called where
 *          exportReferencesGraph is handled in src/libstore/build/local-derivation-goal.cc (today
 *          derivation-env-desugar.cc); prepareStructuredAttrs() in parsed-derivations.cc for the
 *          JSON, to which only `valid` was added from 2.8.0 to today.
 */
#pragma once

#include "schema/nix/path_info.h"

struct reference_graph {
    struct path_list paths; /* normalised */
    bool has_hashes;        /* and sizes; otherwise both are zero */
};

/* Parses a whole graph. The result does not refer to the text. Refuses a malformed line, with its
 * number; two records of one path that differ; a reference without a record; and what
 * path_info_json_parse refuses. */
must_check bool reference_graph_parse(struct str text, struct str store_dir, struct arena *arena,
                                      struct reference_graph *ret_graph, struct error *error);
