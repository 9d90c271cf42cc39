/* check_source.h — a store on disk and its inventory, for cases that make images.
 *
 * The closure is all that is in nix/store of the kit's directory; no path refers to another. NAR
 * hashes are computed from the files.
 */
#pragma once

#include "builder/image/image_source.h"
#include "tests/check_store.h"

struct check_source {
    struct store store;
    struct crew crew;
    struct image_source source;
    struct squashfs_options squashfs; /* zstd:1, with `crew` */
};

#define CHECK_SOURCE_NONE \
    ((struct check_source){ .store = { .root = -1 }, .source = IMAGE_SOURCE_NONE })

/* Writes a store of three paths: "-a" with 1.5 MiB that do not shrink, twice, a program and a link; "-b", a
 * file of text; "-system" with an init. */
void check_source_store(struct arena scratch);

/* Walks and reads the store. Returns false and sets check_error on failure. `bases` may be null. */
bool check_source_take(const struct input_files *bases, struct arena *arena,
                       struct check_source *ret_source);

/* Writes the image to a file in the kit's directory and returns it open. */
int check_source_image(const struct check_source *source, const char *name, struct arena scratch);

/* For `cleanup`. */
void check_source_release(const struct check_source *source);
