/* check_pinned.h — images with their verity data, for tests of what fetches them.
 */
#pragma once

#include "schema/boot/layers.h"

struct check_pinned {
    struct layer layer;
    struct str image, verity; /* their bytes; may be changed */
};

/* Makes an image of that size, which must be of whole blocks: always the same bytes for a size. */
struct check_pinned check_pinned_make(size_t size_bytes, struct arena *arena);

/* Creates an empty file in memory. */
int check_pinned_file(void);

/* Has the file exactly these bytes? */
bool check_pinned_is(int fd, struct str bytes, struct arena scratch);
