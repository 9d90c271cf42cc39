/* image_nar.h — computes the NAR size, from the tables only, and the NAR hash of paths in an image.
 *
 * A path can be copied while it is hashed: a listener gets the same bytes, so the hash is that of
 * what it has got.
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

/* Is told of each node, in the order of the NAR. What fails ends the walk. */
struct image_nar_listener {
    void *context;
    bool (*enter)(void *context, uint32_t node, struct error *error); /* before what it holds */
    image_sink *content;                                              /* a part of a file */
    bool (*leave)(void *context, uint32_t node, struct error *error); /* after what it holds */
};

struct image_nar_request {
    const struct image *image;
    struct image_worker *worker;
    uint32_t top;
    const struct image_nar_listener *listener; /* null: none */
};

/* The same as image_nar_hash, with a listener. */
must_check bool image_nar_follow(const struct image_nar_request *request, struct arena scratch,
                                 struct nar *ret_nar, struct error *error);
