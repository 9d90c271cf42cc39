/* tree_check_layers.h — checks a tree by URL: that its ramdisk pins the images that are in stores/, and
 * that nothing else is there.
 */
#pragma once

#include "builder/check/tree_check.h"

/* After tree_check_images. Does nothing for another tree. What is wrong becomes a finding. */
must_check bool tree_check_layers(struct tree_check *check, struct error *error);
