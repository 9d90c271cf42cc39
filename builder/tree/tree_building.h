/* tree_building.h — the state of writing a tree; private to tree.c and tree_*.c.
 */
#pragma once

#include "builder/ramdisk/ramdisk.h"
#include "builder/tree/boot_memory.h"
#include "builder/tree/menu.h"
#include "builder/tree/tree.h"
#include "schema/boot/layers.h"

struct tree_building {
    const struct tree_request *request;
    int directory;
    struct arena *arena;
    struct tree_file *files; /* all files for SHA256SUMS */
    size_t file_count, file_capacity;
    struct boot_root root;    /* what the kernel unpacks the ramdisk to */
    size_t new_count;         /* number of images that are not bases; these come first */
    struct layer_list layers; /* of a tree by URL: the images */
    struct tree_result result;
};

/* Creates a file of the tree, and the directories of its name. It is written directly, because the draft's directory belongs to us
 * alone. */
must_check bool tree_create(const struct tree_building *building, const char *name, mode_t mode,
                            int *ret_fd, struct error *error);

/* Adds a warning to the result. */
void tree_warn(struct tree_building *building, struct str sentence);

/* Adds a file to the list for SHA256SUMS. */
void tree_list(struct tree_building *building, const struct tree_file *file);

/* Gives a file of the tree another name, and creates the directories of that. */
must_check bool tree_rename(const struct tree_building *building, const char *name,
                            const char *new_name, struct error *error);

/* Syncs a complete file and takes its size and digest; ret_file may be null. */
must_check bool tree_seal(struct tree_building *building, const char *name, int fd,
                          struct tree_file *ret_file, struct error *error);

/* Syncs a file that is a ramdisk or a part of one, and adds it with its size and digest. */
must_check bool tree_seal_ramdisk(struct tree_building *building, const char *name, int fd,
                                  struct error *error);
