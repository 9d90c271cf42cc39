/* tree_check.h — the state of verifying a tree; shared by verify_tree.c and tree_check_*.c.
 *
 * Order    First the files are read, then boot.json and the scripts are checked, then the images,
 *          then what pins them.
 * Opening  A tree can have more files than a process may open, so each is opened several times. Every
 *          time it must be the same file, unchanged; otherwise its digest is not that of its images.
 */
#pragma once

#include "builder/check/verify_image.h"
#include "builder/output/checksums.h"
#include "builder/tree/tree.h"

/* The file of a line in SHA256SUMS. */
struct listed_file {
    const char *name;
    size_t first; /* index of the first line that is a hard link to the same file */
    dev_t device;
    ino_t inode;
    struct timespec modified;
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

/* Returns the file that SHA256SUMS lists under that name, or null. */
const struct listed_file *tree_check_find(const struct tree_check *check, const char *name);

/* Opens a file of the tree, as tree_place_open_file does. Refuses a file of SHA256SUMS that has been
 * replaced or written since it was first looked at. */
int tree_check_open(const struct tree_check *check, const char *name, struct error *error);
