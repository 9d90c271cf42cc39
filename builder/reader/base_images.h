/* base_images.h — base images, which will be mounted below the new one: it need not have their
 * paths.
 *
 * They are read from open descriptors, so that the paths left out are in the very files that are
 * then put below the new image.
 */
#pragma once

#include "builder/output/input_files.h"
#include "builder/reader/image_reader.h"

/* Sets held[i] for each path of a normalised list that is in one of the images. Refuses a file that is
 * not a store image, and a path that an image has with another NAR hash. */
must_check bool base_images_find(const struct input_files *files, struct str store_dir,
                                 const struct path_list *paths, struct arena scratch, bool *held,
                                 struct error *error);

/* Sets held[i] for each path that an open image contains. The image's manifest is not enough,
 * because it also lists the paths of other layers. */
must_check bool base_images_mark(const struct image *image, const struct path_list *paths,
                                 bool *held, struct error *error);
