/* pack.h — reads, compresses and writes the blocks of a plan, with several threads.
 *
 * Each thread reads the pieces of a block, compresses them, and queues the result. The thread whose
 * block is the next in the image writes it, with the queued blocks that follow. So blocks are in
 * the order of the plan, whatever the number of threads, and only a few are in memory. Of a block
 * that is reused from an old image, only the position is queued, so that it takes no slot of a
 * compressed one.
 */
#pragma once

#include "builder/codec/sqfs_parts.h"
#include "builder/image/plan.h"
#include "builder/image/reuse.h"
#include "builder/output/progress.h"

#include <sqfs/compressor.h>

/* A written block. */
struct packed {
    uint64_t offset;     /* bytes from the image's start; 0 for a block of zeros */
    uint32_t size_bytes; /* as stored; 0 for a block of zeros, which is not stored */
    bool is_plain;       /* not compressed, because that would not make it smaller */
    bool is_reused;
};

/* Returns the block's size in the encoding of the format. */
uint32_t packed_field(const struct packed *packed);

struct pack_request {
    const struct inventory *inventory;
    const struct plan *plan;
    const sqfs_compressor_t *compressor; /* copied for each thread */
    const struct reuse *reuse;           /* null: no block is reused */
    struct sqfs_range *image;
    const struct crew *crew;
    struct progress *progress; /* or null */
};

/* Appends all blocks of the plan to the image; ret_packed has room for each. If the image cannot be
 * written, *ret_code is an error code of libsquashfs, and the caller makes the sentence with
 * sqfs_range_check; otherwise it is 0. Refuses files that change while they are read, and an old
 * image that can no longer be read. */
must_check bool pack_run(const struct pack_request *request, struct arena scratch,
                         struct packed *ret_packed, int *ret_code, struct error *error);
