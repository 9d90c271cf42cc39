/* check_image.h — opens small images from the fuzzer's corpus, one for each compressor.
 *
 * "gzip", "lz4", "xz" and "zstd" were made by regd-build and have one fragment block; "plain" has
 * uncompressed blocks of 4096 bytes. Each contains three store paths with the digest CHECK_DIGEST:
 * a file, a link, and a directory with a text of 900 lines and a file that begins with a hole.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/own.h"
#include "tests/check_store.h"

struct check_image {
    int fd; /* a copy in memory, which a case may damage */
    struct image image;
};

#define CHECK_IMAGE_NONE ((struct check_image){ .fd = -1 })

/* Returns a copy of the image in memory. The caller closes the descriptor. */
int check_image_file(const char *name, struct arena *arena);

/* Copies and opens the image. The case fails if it is refused. */
bool check_image_open(const char *name, struct arena *arena, struct check_image *ret_image);

/* For `cleanup`. */
void check_image_release(const struct check_image *image);

/* Returns a file in memory with these bytes. The caller closes the descriptor. */
int check_image_memory(const void *bytes, size_t size);

/* Returns an image, compressed by gzip, of which only blocks and tables are read. */
struct image_file check_image_of(int fd, uint64_t size_bytes);
