/* verify_tree.h — is a tree what its boot.json says, and was it damaged?
 *
 * All its files are read; its scripts have to be made of what its boot.json says; the images have to be
 * where it says, behind a header that the kernel finds, each of them as its manifest says
 * (verify_image.h); together they hold the system and its init.
 */
#pragma once

#include "builder/check/verify_image.h"

/* Verifies the tree in an open directory; `name` is what sentences call it. */
must_check bool verify_tree(const struct verifier *verifier, int directory, const char *name,
                            struct verify_result *ret_result, struct error *error);
