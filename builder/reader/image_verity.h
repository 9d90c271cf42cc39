/* image_verity.h — finds the verity data of an image: behind it, or in a file of its own.
 *
 * Nothing is believed but what the root hash covers. Which root hash is the right one, only the
 * caller can know.
 */
#pragma once

#include "builder/reader/image_file.h"
#include "schema/boot/verity.h"

struct image_verity {
    struct verity_files files;
    struct verity_shape shape;
    struct hash root; /* that of the tree's topmost block */
};

/* Finds the verity data of an image: in the file `beside`, or if its descriptor is -1, behind the
 * image, which must have some. Reads only the ends of the tree. Fails if the data has another size or
 * superblock than regd-build writes. */
must_check bool image_verity_find(const struct image_file *image, const char *name,
                                  struct file beside, struct image_verity *ret_verity,
                                  struct error *error);
