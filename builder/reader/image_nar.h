/* image_nar.h — the NAR of a store path in an image: its size, from the tables alone, and its hash.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/nix/nar_stream.h"

/* The sizes of the NARs of the root's children, by their nodes. Nothing of the files is read, so that
 * a size that is not the wanted one saves the work, which in a hostile image can be any. */
uint64_t *image_nar_sizes(const struct image *image, struct arena *arena);

/* Serialises what is at a node and below. Any number of threads may, each with a worker and a
 * scratch of its own, which needs 256 KiB.
 * Refuses data that is damaged, naming the file from the root on. */
must_check bool image_nar_hash(const struct image *image, struct image_worker *worker, uint32_t top,
                               struct arena scratch, struct nar *ret_nar, struct error *error);
