/* verify_tree.h — verifies a tree: finds damage, and differences from its boot.json.
 *
 * All files are read and compared with SHA256SUMS. The scripts must be those that boot.json gives.
 * The images must be where boot.json says, after a header that the kernel finds, and agree with
 * their manifests (verify_image.h). In a tree by URL they must be those that the ramdisk pins
 * (tree_check_layers.h). Together they must contain the system and its init.
 */
#pragma once

#include "builder/check/verify_image.h"

/* Verifies the tree in an open directory. `name` is for sentences. */
must_check bool verify_tree(const struct verifier *verifier, int directory, const char *name,
                            struct verify_result *ret_result, struct error *error);
