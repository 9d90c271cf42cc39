/* image_checking.h — the parts of image_check; private to image_check*.c.
 */
#pragma once

#include "builder/check/image_check.h"

/* Adds a finding about a part of the image. */
void image_found(const struct checking *checking, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Checks that tables and blocks are consecutive, and that each block belongs to a file or a
 * table. */
void image_check_places(const struct checking *checking);

/* Checks that each byte of a fragment block belongs to a file. */
void image_check_fragments(const struct checking *checking);

/* Checks that the image is followed by zeros, or by a trailer (image_trailer.h) with the right
 * checksum. */
must_check bool image_check_trailer(const struct checking *checking, struct error *error);
