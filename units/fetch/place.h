/* place.h — is there room for the images, before the first byte is fetched?
 *
 * The sizes are pinned, so what is needed is known. On a tmpfs the images take memory: as much of it
 * must be available as they need, and PLACE_RESERVE_BYTES more. On a disk there must be as much
 * space.
 * Source   MemAvailable in /proc/meminfo, proc_meminfo(5): what can be had without swapping.
 */
#pragma once

#include "schema/base/str.h"

/* What the rest of the boot takes at least: systemd of the system starts, its files are read through
 * the page cache, and the writable layer of the store gets its first files. */
enum { PLACE_RESERVE_BYTES = 64 << 20 };

struct place {
    bool is_memory;           /* a tmpfs */
    uint64_t free_bytes;      /* of the file system */
    uint64_t available_bytes; /* of the memory; UINT64_MAX: not known */
};

/* Looks at the file system of the directory. `meminfo` is the text of /proc/meminfo; empty: not
 * known. */
must_check bool place_look(int directory, struct str meminfo, struct place *ret_place,
                           struct error *error);

struct place_need {
    uint64_t image_bytes;
    uint64_t verity_bytes; /* on a disk, files too; else memory until the images are complete */
};

/* Refuses a place without room. The sentence has what is needed, what is there, and what would
 * help. */
must_check bool place_check(const struct place *place, const struct place_need *need,
                            struct error *error);
