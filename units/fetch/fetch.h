/* fetch.h — fetches all layers into a directory.
 *
 * Steps    1. What is in the directory already is verified, and used if it is right.
 *          2. Is there room for the rest? Old layers are removed if that makes room.
 *          3. For each layer: the verity data, checked down from the root hash, then the image, each
 *             span of which is checked before it is written. Then the files get their names.
 * Files    DIRECTORY/HEX.squashfs; and, if the directory is on a disk, HEX.verity. On a tmpfs the verity
 *          data is memory of this process only, and is gone when it ends.
 * Failure  Files have their final names only when they are complete and right. A draft stays after a
 *          kill, and the next run reuses it.
 */
#pragma once

#include "units/fetch/fetch_request.h"
#include "units/fetch/mirrors.h"
#include "units/fetch/place.h"
#include "units/fetch/reporter.h"

struct fetch {
    const struct fetch_request *request;
    const struct fetch_limits *limits;
    struct arena *arena;
    int root;      /* has /proc/meminfo, certificates and /run */
    int directory; /* gets the files */
    struct reporter report;
    struct place_need need; /* of what is missing; zero at first */
};

/* Fetches. Returns only when all layers are there, or when that cannot become so. */
must_check bool fetch_run(struct fetch *fetch, struct error *error);
