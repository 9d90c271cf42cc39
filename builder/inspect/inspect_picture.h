/* inspect_picture.h — draws a picture of the sizes of an image's paths.
 */
#pragma once

#include "builder/inspect/inspection.h"

/* Writes the picture to `path`, and replaces a file of that name. */
must_check bool inspect_draw(const struct inspection *inspection, const char *path,
                             struct error *error);
