/* tree_place.h — opens a store image: a file, a part of a tree's ramdisk, or one in its compressed
 * archive.
 */
#pragma once

#include "builder/output/checksums.h"
#include "builder/reader/image_reader.h"
#include "builder/tree/tree_description.h"
#include "schema/boot/layers.h"

/* In a published root, stores of a tree is this link; see builder/publish/published.h. */
#define TREE_STORES_NAME LAYERS_DIRECTORY
#define TREE_STORES_LINK "../../stores"

/* Is that name in the directory the link? */
bool tree_place_is_stores_link(int directory, const char *name);

/* Opens a file of the tree `directory` for reading. It must be a regular file; links, also to
 * directories, are not followed, except the one above. Returns the descriptor, or the negative errno value and sets the
 * sentence. */
int tree_place_open_file(int directory, const char *name, struct error *error);

/* Opens and reads such a file. */
must_check bool tree_place_read(int directory, const char *name, size_t limit_bytes,
                                struct arena *arena, struct str *ret_text, struct error *error);

/* Reads and parses the tree's boot.json. *ret_text is its text. */
must_check bool tree_place_describe(int directory, struct arena *arena, struct str *ret_text,
                                    struct tree_description *ret_description, struct error *error);

struct tree_lists {
    struct checksums sums;
    struct str sums_text;
    struct tree_description description;
};

/* Reads and parses the tree's SHA256SUMS and its boot.json, which must be listed there as it is. */
must_check bool tree_place_read_lists(int directory, struct arena *arena,
                                      struct tree_lists *ret_lists, struct error *error);

/* Opens an image of a tree in *file, the open file that boot.json names for it: takes the file itself,
 * or unpacks a copy from its compressed archive. place->budget must be set; it limits the copy. The
 * caller closes the place's descriptor. */
must_check bool tree_place_open(int *file, const struct tree_image *image,
                                struct image_place *place, struct error *error);

/* Opens the image that the user names: a file, or a tree, which stands for its topmost image. The
 * place's name is the path. The caller closes its descriptor. */
must_check bool tree_place_find(const char *path, struct arena *arena,
                                struct image_place *ret_place, struct error *error);
