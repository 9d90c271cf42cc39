/* tree_writer.h — writes one store path, as an image has it, under another name.
 *
 * Written  Files, directories and links in Nix's canonical form: modes 0444, 0555 for what may be
 *          executed and for directories, modification time 1 (one second after the epoch), owned by
 *          whoever runs the program. Nothing else of the image's metadata is used.
 * Safety   Nothing that exists is opened or changed. Only single names are passed to the kernel, one
 *          directory is open at a time, and until it is complete a directory has mode 0700.
 */
#pragma once

#include "builder/reader/image_nar.h"
#include "builder/unpack/tree_descent.h"

struct tree_writer {
    const struct image *image;
    const char *name; /* of the path's top in the store; nothing has it */

    struct tree_descent descent; /* from the store, through the directories that have begun */
    int file;                    /* the current one; owned; -1: none */
    bool has_failed;
    struct error reason; /* why a file's contents could not be written */
};

struct tree_writer tree_writer_start(const struct image *image, int store, const char *name);

/* Closes what a failure left open. For `cleanup`. */
void tree_writer_release(struct tree_writer *writer);

/* Returns what writes each node of which it is told; see image_nar.h. */
struct image_nar_listener tree_writer_listener(struct tree_writer *writer);
