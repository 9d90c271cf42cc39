/* tree_check_images.h — checks the store images of a tree, and the system in them.
 */
#pragma once

#include "builder/check/tree_check.h"

/* Verifies each image, and checks that they contain the system and its init. */
must_check bool tree_check_images(struct tree_check *check, struct error *error);
