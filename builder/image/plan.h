/* plan.h — decides which bytes go into which block of the image.
 *
 * The whole blocks of large files come first, in the order of the inventory. The rest, small files
 * and the ends of large ones, is put into fragment blocks, similar files next to each other,
 * because that compresses better and faster than any other order. Files are sorted by kind (the
 * extension, or whether the file is executable), then by the path's name without its digest, then
 * by their place in the path. Translations are sorted by file name before their place: one text in
 * many languages.
 *
 * A fragment block ends when it is full, or, if it is three quarters full, after a file whose name
 * selects it as an end. So a change in the closure changes only a few blocks, and the others stay
 * the same, which makes --reuse effective.
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

/* The blocks of a file. */
struct placement {
    size_t first_block;
    uint32_t block_count;     /* blocks of its own */
    uint32_t fragment;        /* index of the fragment block, or PLAN_NO_FRAGMENT */
    uint32_t fragment_offset; /* bytes */
};

struct plan {
    uint32_t block_bytes;
    struct piece *pieces;
    struct block *blocks; /* the files' own blocks, then the fragment blocks */
    size_t block_count, fragment_start;
    struct placement *placements; /* for each node; set for files that are stored */
};

/* Makes the plan. Files whose same_as is another file are not stored. */
struct plan plan_make(const struct inventory *inventory, uint32_t block_bytes, struct arena *arena);
