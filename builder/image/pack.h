/* pack.h — reading, compressing and writing the blocks of a plan, in several threads.
 *
 * Each thread reads a block's pieces, compresses them and hands the result over; whoever brings the
 * one that is next in the image writes it and those that wait behind it. So the blocks stand in the
 * order of the plan, whatever the number of threads, and no more than a few are in memory. A block
 * of an older image waits as its place there: it holds up no thread that finds one to compress.
 */
#pragma once

#include "builder/codec/sqfs_parts.h"
#include "builder/image/plan.h"
#include "builder/image/reuse.h"
#include "builder/output/progress.h"

#include <sqfs/compressor.h>

/* Where a block is in the image. */
struct packed {
    uint64_t offset;     /* bytes from the image's start; of a block of zeros: 0 */
    uint32_t size_bytes; /* as stored; 0: only zeros, not stored */
    bool is_plain;       /* not compressed, since it would not be smaller */
    bool is_reused;
};

/* The block's size as the format says it. */
uint32_t packed_field(const struct packed *packed);

struct pack_request {
    const struct inventory *inventory;
    const struct plan *plan;
    const sqfs_compressor_t *compressor; /* copied for each thread */
    const struct reuse *reuse;           /* null: nothing is taken over */
    struct sqfs_range *image;
    const struct crew *crew;
    struct progress *progress; /* or null */
};

/* Appends all blocks of the plan to the image; ret_packed has room for each. Where the image cannot
 * be written, the reason is in it (sqfs_parts.h) and the sentence is left to the caller:
 * *ret_code is one of the library's codes, else 0.
 * Refuses files that change while they are read, and an old image that can no longer be read. */
must_check bool pack_run(const struct pack_request *request, struct arena scratch,
                         struct packed *ret_packed, int *ret_code, struct error *error);
