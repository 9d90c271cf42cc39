/* unpack_stack.h — opens the images that a user names: what a machine would mount over each other.
 *
 * Named    an image
 *          nix-store.layers.json: the images stores/ROOTHASH.squashfs beside it
 *          a tree: the images of its boot.json, as files, in its ramdisk, or by URL
 *          a published root: those of its current system
 * Pinned   The manifest of the topmost image has the NAR hashes of all paths, so this image is compared as a
 *          whole with what is known of it, before anything in it is read: the root hash that the user or
 *          the list gives, or a tree by URL; else the SHA-256 that the tree's SHA256SUMS says of the file
 *          that has the image. boot.json must be the one of SHA256SUMS.
 * Budget   All images share one; what several of them are in is paid for once.
 */
#pragma once

#include "builder/reader/image_reader.h"

#include <sys/stat.h>

struct unpack_stack {
    struct str store_dir;
    struct image_budget *budget;
    const struct crew *crew; /* computes root hashes */
    const struct hash *root; /* that the user demands of the first image; null: none */
    const char *toplevel;    /* the system of the first tree, a store path; null: none was named */
    struct image *items;     /* topmost first */
    int *fds;                /* one for each; owned */
    size_t count, capacity, fd_capacity;
    struct stat *files; /* that were paid for */
    size_t file_count, file_capacity;
};

/* A root hash is only for a stack that starts with an image. */
struct unpack_stack unpack_stack_start(struct str store_dir, struct image_budget *budget,
                                       const struct crew *crew, const struct hash *root);

/* Closes all. For `cleanup`. */
void unpack_stack_release(const struct unpack_stack *stack);

/* Opens what has this name, and puts it below what is there. On failure the stack must still be
 * released. */
must_check bool unpack_stack_add(struct unpack_stack *stack, const char *name, struct arena *arena,
                                 struct error *error);
