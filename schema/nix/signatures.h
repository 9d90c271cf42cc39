/* signatures.h — the signatures of a store path, in Nix's JSON description of it and in the database.
 *
 * Shape    In a description, `signatures` is a list of texts KEY:SIGNATURE, or of objects with keyName
 *          and sig. In the database they are words, separated by spaces.
 * Source   Nix, src/libstore/path-info.cc.
 */
#pragma once

#include "schema/base/arena.h"

#include <cjson/cJSON.h>

/* Is it a word of printable ASCII? Each signature must be one, and so must a content address. */
bool signatures_is_word(struct str text);

/* Refuses what is not such a word. `key` is where it stands. */
must_check bool signatures_check_word(const char *key, struct str word, struct error *error);

/* Reads the signatures of an entry, separated by spaces. A missing list is empty. */
must_check bool signatures_read(const cJSON *entry, struct arena *arena, struct str *ret_signatures,
                                struct error *error);

/* Adds the list of signatures to an entry. Omits what is not a word. */
void signatures_write(struct str text, cJSON *entry);
