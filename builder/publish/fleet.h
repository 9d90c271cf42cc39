/* fleet.h — fleet.json: the systems of a published root, for monitoring and for scripts.
 *
 * Shape    "version"    1
 *          "current", "previous"  names of systems; missing if there is none
 *          "systems"    sorted by name: "name" the directory in systems/, "label", "hash" the SHA-256 of its
 *                       SHA256SUMS, "toplevel" its store path, and "stores": "rootHash", "size" and
 *                       "veritySize" of each of its images, in bytes, sorted by root hash
 * Source   All of it follows from the directory, so the file is only read to see whose it is.
 */
#pragma once

#include "builder/publish/published.h"

#define FLEET_NAME "fleet.json"

enum { FLEET_BYTES_MAX = 64 << 20 };

/* Formats the file. */
must_check bool fleet_format(const struct published *published, struct arena *arena,
                             struct str *ret_text, struct error *error);

/* Fails unless the text is a fleet.json of this version. */
must_check bool fleet_check(struct str text, struct error *error);
