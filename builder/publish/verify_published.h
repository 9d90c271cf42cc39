/* verify_published.h — verifies a published root: each system as a tree, and what belongs to all of them.
 *
 * Found    stray        a name in systems/ that is no system; an image that no system has; a draft
 *          missing      the current system, or the file of fleet.json
 *          disagreeing  fleet.json or netboot.ipxe is not what the directory says
 *          and all that is found in a tree (verify_tree.h), under systems/NAME/
 */
#pragma once

#include "builder/check/verify_image.h"

/* Is it a published root: a directory with fleet.json and systems/? */
bool verify_published_is(int directory);

/* Verifies the root of that path. Another process that publishes there is waited for. */
must_check bool verify_published(const struct verifier *verifier, const char *path,
                                 struct verify_result *ret_result, struct error *error);
