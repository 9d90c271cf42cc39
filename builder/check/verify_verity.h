/* verify_verity.h — verifies the verity data of an image (schema/boot/verity.h), behind it or
 * beside it: all of the tree, from the image's blocks up to the root hash.
 */
#pragma once

#include "builder/check/verify_image.h"

/* `wanted` is the root hash that the data must have; null: its own. What is wrong becomes a finding; so
 * does a wanted root hash without any verity data. */
must_check bool verify_verity(const struct verifier *verifier, const struct image *image,
                              const char *name, const struct hash *wanted, struct error *error);
