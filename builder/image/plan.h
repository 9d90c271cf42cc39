/* plan.h — which bytes go into which block of the image.
 *
 * Whole blocks of large files come first, in the order of the inventory. What is left, small files
 * and the ends of large ones, is put together into fragment blocks, alike beside alike, for that
 * compresses smaller and in less time than any other order: by kind (the file name's extension, or
 * whether it is executable), then by the path's name without its digest, then by place in the path,
 * translations by their name before that: one text in many languages.
 *
 * A fragment block ends where it is full, or, once three quarters full, behind a file that its name
 * selects.
 * So a change in the closure moves the ends of a few blocks only, and the others come out as they
 * were: what --reuse lives on.
 */
#pragma once

#include "builder/image/inventory.h"

/* A range of a file. */
struct piece {
    uint32_t node;
    uint32_t size_bytes;
    uint64_t offset;
};

struct block {
    size_t first_piece, piece_count;
    uint32_t size_bytes;
};

#define PLAN_NO_FRAGMENT UINT32_MAX

/* Where a file is, in blocks. */
struct placement {
    size_t first_block;
    uint32_t block_count;     /* of its own */
    uint32_t fragment;        /* index of the fragment block, or PLAN_NO_FRAGMENT */
    uint32_t fragment_offset; /* bytes */
};

struct plan {
    uint32_t block_bytes;
    struct piece *pieces;
    struct block *blocks; /* the files' own, then the fragment blocks */
    size_t block_count, fragment_start;
    struct placement *placements; /* per node; of files that are stored themselves */
};

/* The files whose same_as is themselves are stored. */
struct plan plan_make(const struct inventory *inventory, uint32_t block_bytes, struct arena *arena);
