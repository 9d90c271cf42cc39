/* path_info_json.h — Nix's JSON description of store paths: what `nix path-info --json` prints.
 *
 * An image may carry it beside its manifest, as `nix-path-registration.json`, for what the manifest
 * cannot say: signatures, content address, `ultimate`.
 *
 * Shape    Read, by version:
 *            1  an array of objects with `path`, or an object with full paths as its keys; hashes in
 *               any spelling; ca as text; signatures as texts
 *            2  {version, storeDir, info: {BASE: {…}}}; base names everywhere; ca {method, hash}
 *            3  as 2; signatures {keyName, sig}
 *          A derivation's structured attributes, .attrs.json: the list, as in version 1, that
 *          exportReferencesGraph names, if it names one.
 *          Entries that say "valid": false, or are null, are left out.
 *          Written: version 1 as Nix 2.19 and later print it, an object with full paths as its keys.
 * Entry    narHash, narSize, references, deriver, signatures, ca, ultimate; others are ignored
 * Source   Nix, src/libstore/path-info.cc and doc/manual/source/protocols/json/schema/
 *          store-object-info-v3.yaml.
 */
#pragma once

#include "schema/nix/path_info.h"

#define PATH_INFO_JSON_SUFFIX ".json"

/* Reads a whole description into a normalised list, whose strings are copied into the arena.
 * Refuses what is not of one of the shapes, text behind it, paths outside the store, and a path that
 * is there twice. */
must_check bool path_info_json_parse(struct str text, struct str store_dir, struct arena *arena,
                                     struct path_list *ret_list, struct error *error);

/* The largest description that is read: a million paths take about 0.9 GiB. */
static const size_t path_info_json_bytes_max = (size_t)1 << 30;

/* What path_info_json_parse takes of its arena for a text of that size, at most. */
size_t path_info_json_room(size_t text_bytes);

/* Reserves an arena for a description that can be done without, its text included: whatever is in it,
 * it cannot exhaust the arena of the run.
 * Refuses more than path_info_json_bytes_max, and more than the system's limits leave. */
must_check bool path_info_json_reserve(uint64_t text_bytes, struct arena *ret_arena,
                                       struct error *error);

/* Writes the items as they stand. Errors stick to the stream. A signature or content address that is
 * not one word of printable ASCII is left out: Nix makes none such, and no reader would take it. */
void path_info_json_write(FILE *stream, const struct path_list *list, struct str store_dir,
                          struct arena scratch);
