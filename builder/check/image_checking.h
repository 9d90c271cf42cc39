/* image_checking.h — what the parts of image_check share.
 */
#pragma once

#include "builder/check/image_check.h"

/* Adds a finding about a part of the image. */
void image_found(const struct checking *checking, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Stand the tables and the blocks one behind the other, and belongs each to something? */
void image_check_places(const struct checking *checking);

/* Does each byte of a fragment block belong to a file? */
void image_check_fragments(const struct checking *checking);

/* Is what follows the image zeros, or as image_trailer.h says, and the checksum right? */
must_check bool image_check_trailer(const struct checking *checking, struct error *error);
