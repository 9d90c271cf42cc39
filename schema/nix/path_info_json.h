/* path_info_json.h — Nix's JSON description of store paths, as `nix path-info --json` prints it.
 *
 * An image may contain it next to its manifest, as `nix-path-registration.json`. It holds what has
 * no place in a manifest: signatures, content addresses, `ultimate`.
 *
 * Shape    Read, by version:
 *            1  an array of objects with `path`, or an object with full paths as its keys; hashes
 *               in any spelling; ca and signatures as strings
 *            2  {version, storeDir, info: {BASE: {…}}}; base names everywhere; ca {method, hash}
 *            3  as 2; signatures as {keyName, sig}
 *          In a derivation's structured attributes, .attrs.json: the list, as in version 1, that
 *          exportReferencesGraph names. It must name exactly one. Entries that are null or have
 *          "valid": false are skipped. Written: see path_info_json_write.h.
 * Entry    narHash, narSize, references, deriver, signatures, ca, ultimate; other members are
 *          ignored
 * Source   Nix, src/libstore/path-info.cc and doc/manual/source/protocols/json/schema/
 *          store-object-info-v3.yaml.
 */
#pragma once

#include "schema/nix/path_info.h"

#define PATH_INFO_JSON_SUFFIX ".json"

/* Parses a description into a normalised list. Its strings are copied into the arena. Refuses other
 * shapes, text after the JSON value, paths outside the store, and a path that occurs twice. */
must_check bool path_info_json_parse(struct str text, struct str store_dir, struct arena *arena,
                                     struct path_list *ret_list, struct error *error);

/* Larger descriptions are refused. A million paths take about 0.9 GiB. */
static const size_t path_info_json_bytes_max = (size_t)1 << 30;

/* Returns the most that path_info_json_parse takes of its arena for a text of that size. */
size_t path_info_json_room(size_t text_bytes);

/* Reserves a separate arena for the text and the list of an optional description, so that no
 * description can exhaust the program's arena. Refuses more than path_info_json_bytes_max, and more
 * than the system's limits allow. */
must_check bool path_info_json_reserve(uint64_t text_bytes, struct arena *ret_arena,
                                       struct error *error);
