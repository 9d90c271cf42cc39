/* tree_check.h — a tree while it is verified, for verify_tree.c, tree_check_files.c and
 * tree_check_images.c alone.
 *
 * Order    The files; boot.json and the scripts, which are read by then; the images.
 */
#pragma once

#include "builder/check/verify_image.h"
#include "builder/output/checksums.h"
#include "builder/tree/tree.h"

/* What is there for a line of SHA256SUMS. */
struct listed_file {
    const char *name;
    size_t first; /* the index of the first one that is the same file */
    uint64_t size_bytes, real_bytes;
    struct tree_file found;
    struct str reason; /* why it could not be read */
    bool is_there;
};

struct tree_check {
    const struct verifier *verifier;
    const char *name;
    int directory;
    struct arena *arena;
    struct checksums sums;
    struct listed_file *files; /* one for each of the sums */
    struct tree_description description;
    int *fds; /* one for each image; owned */
    struct image *images;
    struct verify_result result;
};

void tree_check_add(struct tree_check *check, enum finding_kind kind, const char *subject,
                    const char *text);

/* What SHA256SUMS lists under the name, or null. */
const struct listed_file *tree_check_find(const struct tree_check *check, const char *name);

/* Reads SHA256SUMS and all that it lists; what else there is, is stray. */
must_check bool tree_check_files(struct tree_check *check, struct error *error);

/* Verifies each image, and looks for the system and its init in them. */
must_check bool tree_check_images(struct tree_check *check, struct error *error);
