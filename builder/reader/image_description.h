/* image_description.h — reads nix-path-registration.json, which an image may have beside its manifest.
 */
#pragma once

#include "builder/reader/image_reader.h"

/* Reads the description of an image that has one (image->description). It gets an arena of its own, so
 * that no description can exhaust the program's: the list lives there, and the caller unreserves it, also
 * after a failure, where it may be all zero. The list is normalised. */
must_check bool image_description_read(const struct image *image, struct str store_dir,
                                       struct arena *ret_own, struct path_list *ret_described,
                                       struct error *error);
