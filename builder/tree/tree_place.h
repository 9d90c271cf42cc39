/* tree_place.h — where a store image is: a file, a part of a tree's ramdisk, or packed in its archive.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "builder/tree/tree_description.h"

/* Opens a file of the tree `directory`, for reading. What it names is a regular file of the directory itself:
 * links are not followed. Returns the descriptor, or the negative errno value and a sentence. */
int tree_place_open_file(int directory, const char *name, struct error *error);

/* Reads such a file. */
must_check bool tree_place_read(int directory, const char *name, size_t limit_bytes,
                                struct arena *arena, struct str *ret_text, struct error *error);

/* Opens an image of the tree: the file it is in, or a copy of what its compressed archive has. The place
 * comes with a budget, which pays for the copy; its descriptor is the caller's to close. */
must_check bool tree_place_open(int directory, const struct tree_image *image,
                                struct image_place *place, struct error *error);

/* Opens the image that a person names: a file, or a tree, of which the topmost image is meant. The
 * place's name is the path; its descriptor is the caller's to close. */
must_check bool tree_place_find(const char *path, struct arena *arena,
                                struct image_place *ret_place, struct error *error);
