/* unpack_stack.h — opens the images that a user names: what a machine would mount over each other.
 *
 * Named    an image
 *          nix-store.layers.json: the images stores/ROOTHASH.squashfs beside it
 *          a tree: the images of its boot.json, as files, in its ramdisk, or by URL
 *          a published root: those of its current system
 * Budget   All images share one; what several of them are in is paid for once.
 */
#pragma once

#include "builder/reader/image_reader.h"

#include <sys/stat.h>

struct unpack_stack {
    struct str store_dir;
    struct image_budget *budget;
    const char *toplevel; /* the system of the first tree, a store path; null: none was named */
    struct image *items;  /* topmost first */
    int *fds;             /* one for each; owned */
    size_t count, capacity, fd_capacity;
    struct stat *files; /* that were paid for */
    size_t file_count, file_capacity;
};

struct unpack_stack unpack_stack_start(struct str store_dir, struct image_budget *budget);

/* Closes all. For `cleanup`. */
void unpack_stack_release(const struct unpack_stack *stack);

/* Opens what has this name, and puts it below what is there. On failure the stack must still be
 * released. */
must_check bool unpack_stack_add(struct unpack_stack *stack, const char *name, struct arena *arena,
                                 struct error *error);
