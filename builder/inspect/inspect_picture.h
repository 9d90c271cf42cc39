/* inspect_picture.h — a picture of what the paths of an image take.
 */
#pragma once

#include "builder/inspect/inspection.h"

/* Publishes it at `path`, in place of a former file. */
must_check bool inspect_draw(const struct inspection *inspection, const char *path,
                             struct error *error);
