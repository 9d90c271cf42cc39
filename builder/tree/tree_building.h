/* tree_building.h — a tree while it is written, for tree.c and tree_images.c alone.
 *
 * Order    The images are written (tree_write_images) or put into a ramdisk (tree_add_images): from
 *          then on it is known how many there are, and there is room for all files. Files that
 *          stay by themselves are sealed behind the ramdisk (tree_seal_images).
 */
#pragma once

#include "builder/ramdisk/ramdisk.h"
#include "builder/tree/tree.h"

/* Two names of the kernel and of the ramdisk, three scripts, boot.json. */
enum { TREE_FIXED_FILES = 8 };

struct tree_building {
    const struct tree_request *request;
    int directory;
    struct arena *arena;
    struct tree_file *files; /* all that SHA256SUMS lists */
    size_t file_count;
    size_t new_count; /* of the images: those that are no bases, which come first */
    struct tree_result result;
};

/* Creates a file of the tree. The draft's directory is ours alone, so it needs no draft itself. */
must_check bool tree_create(const struct tree_building *building, const char *name, mode_t mode,
                            int *ret_fd, struct error *error);

/* Syncs a file that machines load as a ramdisk, or a piece of one, and takes its size and digest. */
must_check bool tree_seal_ramdisk(struct tree_building *building, const char *name, int fd,
                                  struct error *error);

/* Writes the new images as files of the tree, under the names that they have in a ramdisk. */
must_check bool tree_write_images(struct tree_building *building, struct error *error);

/* Adds the new images and the bases to a ramdisk. */
must_check bool tree_add_images(struct tree_building *building, struct ramdisk *ramdisk,
                                struct error *error);

/* Adds the bases as files, and each image's header; all of them are pieces of the ramdisk. */
must_check bool tree_seal_images(struct tree_building *building, struct error *error);
