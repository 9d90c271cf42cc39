/* canonical.h — modes and times of what is in a store.
 *
 * Source   Nix, canonicalisePathMetaData() and mtimeStore in src/libstore/local-store.cc.
 */
#pragma once

#include <time.h>

enum {
    CANONICAL_DATA = 0444,
    CANONICAL_EXECUTABLE = 0555, /* of directories, too */
    CANONICAL_SECONDS = 1,
};

/* As futimens(2) takes them. */
static const struct timespec canonical_times[] = { { .tv_sec = CANONICAL_SECONDS },
                                                   { .tv_sec = CANONICAL_SECONDS } };
