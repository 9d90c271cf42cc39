/* image_check_places.h — checks where the blocks and tables of an image are, and what follows it.
 * image_check (image_check.h) runs them.
 */
#pragma once

#include "builder/check/image_findings.h"

/* Computes the checksum of the used part of the image, see image_trailer.h. Takes 1 MiB of
 * scratch. */
must_check bool image_checksum(const struct image *image, struct arena scratch,
                               uint32_t *ret_checksum, struct error *error);

/* Checks that tables and blocks are consecutive, and that each block belongs to a file or a
 * table. */
void image_check_places(const struct checking *checking);

/* Checks that each byte of a fragment block belongs to a file. */
void image_check_fragments(const struct checking *checking);

/* Checks that the image is followed by zeros, or by a trailer (image_trailer.h) with the right
 * checksum. */
must_check bool image_check_trailer(const struct checking *checking, struct error *error);
