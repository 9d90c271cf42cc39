/* check_image.h — images of the fuzzer's corpus, small ones of each compressor, open for a case.
 *
 * "gzip", "lz4", "xz" and "zstd" are the builder's, with one fragment block; "plain" has blocks of
 * 4096 bytes, none compressed. Each holds a file, a link and a directory of the digest CHECK_DIGEST, the
 * directory with a text of 900 lines and a file that begins with a hole.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/own.h"
#include "tests/check_store.h"

struct check_image {
    int fd; /* of a copy in memory, which may be damaged */
    struct image image;
};

#define CHECK_IMAGE_NONE ((struct check_image){ .fd = -1 })

/* The copy alone; the descriptor is the caller's. */
int check_image_file(const char *name, struct arena *arena);

/* Opens it, and fails the case if it is refused. */
bool check_image_open(const char *name, struct arena *arena, struct check_image *ret_image);

/* For `cleanup`. */
void check_image_release(const struct check_image *image);
