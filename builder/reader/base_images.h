/* base_images.h — images that will lie below the new one: what they hold need not be in it.
 */
#pragma once

#include "builder/reader/image_reader.h"

#include "schema/base/options.h"

/* Sets ret_held[i] for the paths of a normalised list that one of the images holds; *ret_count says
 * how many.
 * Refuses what is no store image, and a path that an image holds with another NAR hash. */
must_check bool base_images_find(const struct option_list *names, struct str store_dir,
                                 const struct path_list *paths, struct arena scratch,
                                 bool *ret_held, size_t *ret_count, struct error *error);

/* Sets held[i] for the paths that an open image holds: a manifest lists all layers, too, so what
 * counts is what is in the image. */
must_check bool base_images_mark(const struct image *image, const struct path_list *paths,
                                 bool *held, struct error *error);
