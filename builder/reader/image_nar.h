/* image_nar.h — computes the NAR size, from the tables only, and the NAR hash of paths in an image.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/nix/nar_stream.h"

/* Returns the NAR sizes of the root's children, in their order. Does not read file data: a path
 * with the wrong size need not be hashed, which in a hostile image could take any time. */
uint64_t *image_nar_sizes(const struct image *image, struct arena *arena);

/* Hashes the NAR of a node. Threads may call it at the same time, each with its own worker and
 * scratch, which needs 256 KiB. Fails on damaged data; the sentence has the file's path from the
 * root. */
must_check bool image_nar_hash(const struct image *image, struct image_worker *worker, uint32_t top,
                               struct arena scratch, struct nar *ret_nar, struct error *error);
