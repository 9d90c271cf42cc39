#include "builder/image/reuse.h"

#include "builder/codec/compressor.h"
#include "builder/codec/sqfs_parts.h"

#include "schema/base/file.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/nix/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Blocks that are compressed again, to see that they come out the same: the smallest that are not
 * small, as a whole one takes a good compressor as long as unpacking a hundred. */
enum { SAMPLES = 2, SAMPLE_BYTES = 128 << 10 };

struct work {
    struct reuse *reuse;
    struct image_worker *workers; /* per thread */
    sqfs_compressor_t **compressors;
    uint8_t **packed, **old;
    uint32_t block_bytes;
    const struct reuse_block *samples[SAMPLES];
};

/* --- Its blocks --------------------------------------------------------------------------------- */

static int compare_places(const void *left, const void *right)
{
    const struct reuse_block *a = left, *b = right;
    return order_numbers(a->block.start, b->block.start);
}

static int compare_hashes(const void *left, const void *right)
{
    const struct reuse_block *a = left, *b = right;
    int order = memcmp(a->hash.bytes, b->hash.bytes, HASH_BYTES);
    return order ? order : compare_places(left, right);
}

static void add_block(struct reuse *reuse, struct image_block block)
{
    if (block.packed_bytes > 0)
        reuse->blocks[reuse->count++] = (struct reuse_block){ .block = block };
}

/* The blocks of files and the fragment blocks, each place once. */
static void list_blocks(struct reuse *reuse, struct arena *arena)
{
    const struct image *image = &reuse->image;
    size_t most = image->fragment_count, kept = 0;
    for (size_t i = 0; i < image->tree.inode_count; i++)
        if (image->tree.inodes[i].kind == IMAGE_REGULAR)
            most += image->tree.inodes[i].block_count;
    reuse->blocks = arena_new(arena, struct reuse_block, most);
    for (size_t i = 0; i < image->tree.inode_count; i++) {
        const struct image_inode *inode = &image->tree.inodes[i];
        uint64_t start = inode->first_block;
        for (uint32_t j = 0; inode->kind == IMAGE_REGULAR && j < inode->block_count; j++) {
            struct image_block block = image_tree_block(inode, j, start);
            add_block(reuse, block);
            start += block.packed_bytes;
        }
    }
    for (size_t i = 0; i < image->fragment_count; i++)
        add_block(reuse, image->fragments[i].block);
    if (reuse->count)
        qsort(reuse->blocks, reuse->count, sizeof *reuse->blocks, compare_places);
    for (size_t i = 0; i < reuse->count; i++)
        if (i == 0 || reuse->blocks[i].block.start != reuse->blocks[kept - 1].block.start)
            reuse->blocks[kept++] = reuse->blocks[i];
    reuse->count = kept;
}

/* A block that does not unpack stays without a size. */
static bool hash_block(void *context, unsigned number, size_t index, struct error *error)
{
    const struct work *work = context;
    struct reuse_block *block = &work->reuse->blocks[index];
    struct image_worker *worker = &work->workers[number];
    size_t size;
    if (image_block_read(&work->reuse->image.file, &worker->decoder, block->block, worker->block,
                         work->block_bytes, &size, error)) {
        block->hash = digest_sha256((struct str){ (const char *)worker->block, size });
        block->unpacked_bytes = (uint32_t)size;
    }
    return true;
}

static void drop_damaged(struct reuse *reuse)
{
    size_t kept = 0;
    for (size_t i = 0; i < reuse->count; i++)
        if (reuse->blocks[i].unpacked_bytes > 0)
            reuse->blocks[kept++] = reuse->blocks[i];
    reuse->damaged = reuse->count - kept;
    reuse->count = kept;
}

/* --- Does it come from the same compressor? ------------------------------------------------------ */

/* The lower the better: what is stored tells the least of a compressor, small blocks little. */
static uint64_t rank_sample(const struct reuse_block *block)
{
    uint64_t size = block->unpacked_bytes;
    return (uint64_t)block->block.is_stored << 33 |
           (size < SAMPLE_BYTES ? ((uint64_t)1 << 33) - size : size);
}

static void choose_samples(struct work *work)
{
    for (size_t i = 0; i < work->reuse->count; i++) {
        const struct reuse_block *block = &work->reuse->blocks[i];
        for (size_t j = 0; j < SAMPLES; j++) {
            const struct reuse_block *before = work->samples[j];
            if (before && rank_sample(before) <= rank_sample(block))
                continue;
            work->samples[j] = block;
            if (!before)
                break;
            block = before;
        }
    }
}

/* Compresses a block again and compares. */
static bool compare_sample(void *context, unsigned number, size_t index, struct error *error)
{
    const struct work *work = context;
    const struct reuse *reuse = work->reuse;
    const struct reuse_block *block = work->samples[index];
    struct image_worker *worker = &work->workers[number];
    size_t size;
    if (!reuse_read(reuse, block, work->old[number], error) ||
        !image_block_read(&reuse->image.file, &worker->decoder, block->block, worker->block,
                          work->block_bytes, &size, error))
        return false;
    sqfs_compressor_t *compressor = work->compressors[number];
    sqfs_s32 length = compressor->do_block(compressor, worker->block, (sqfs_u32)size,
                                           work->packed[number], work->block_bytes);
    bool same = block->block.is_stored ? length == 0
                                       : length == (sqfs_s32)block->block.packed_bytes &&
                                             memcmp(work->packed[number], work->old[number],
                                                    block->block.packed_bytes) == 0;
    return same || error_set(error, "it was made with other settings, or by other versions of the "
                                    "libraries");
}

/* --- The whole ----------------------------------------------------------------------------------- */

static void work_release(struct work *work)
{
    unsigned jobs = work->reuse ? PARALLEL_JOBS_MAX : 0;
    for (unsigned i = 0; i < jobs && work->workers && work->workers[i].block; i++)
        image_worker_release(&work->workers[i]);
    for (unsigned i = 0; i < jobs && work->compressors && work->compressors[i]; i++)
        sqfs_part_destroy(work->compressors[i]);
}

static bool start_workers(struct work *work, const struct reuse_request *request,
                          struct arena *arena, struct error *error)
{
    unsigned jobs = request->jobs;
    /* One more than there are, which stays empty and is the end for work_release. */
    work->workers = arena_new(arena, struct image_worker, jobs + 1);
    work->compressors = arena_new(arena, sqfs_compressor_t *, jobs + 1);
    work->packed = arena_new(arena, uint8_t *, jobs);
    work->old = arena_new(arena, uint8_t *, jobs);
    for (unsigned i = 0; i < jobs; i++) {
        work->packed[i] = arena_room(arena, work->block_bytes);
        work->old[i] = arena_room(arena, work->block_bytes);
        if (!image_worker_make(&work->reuse->image, arena, &work->workers[i], error))
            return false;
        if (!compressor_make(request->compression, work->block_bytes, &work->compressors[i], error))
            return false;
    }
    return true;
}

static bool check_settings(const struct image *image, const struct reuse_request *request,
                           uint32_t block_bytes, struct error *error)
{
    const struct image_super *super = &image->file.super;
    if (super->compression != (uint16_t)compressor_id(request->compression))
        return error_set(error, "it is compressed by %s", image->file.compression_name);
    if (super->block_bytes != block_bytes)
        return error_set(error, "its blocks have %u bytes", super->block_bytes);
    return true;
}

static bool take_blocks(struct reuse *reuse, const struct reuse_request *request,
                        uint32_t block_bytes, struct arena *arena, struct error *error)
{
    cleanup(work_release) struct work work = { .reuse = reuse, .block_bytes = block_bytes };
    if (!check_settings(&reuse->image, request, block_bytes, error))
        return false;
    list_blocks(reuse, arena);
    struct arena scratch = *arena;
    if (!start_workers(&work, request, &scratch, error) ||
        !parallel_run(request->jobs, reuse->count, hash_block, &work, error))
        return false;
    drop_damaged(reuse);
    if (reuse->count < SAMPLES)
        return error_set(error, "it has hardly any blocks that can be read");
    choose_samples(&work);
    if (!parallel_run(request->jobs, SAMPLES, compare_sample, &work, error))
        return false;
    qsort(reuse->blocks, reuse->count, sizeof *reuse->blocks, compare_hashes);
    return true;
}

bool reuse_open(const struct reuse_request *request, uint32_t block_bytes, struct arena *arena,
                struct reuse *ret_reuse, struct error *error)
{
    cleanup(reuse_close) struct reuse reuse = REUSE_NONE;
    if (!image_open(&request->place, request->store_dir, request->jobs, arena, &reuse.image, error))
        return false;
    if (!take_blocks(&reuse, request, block_bytes, arena, error))
        return error_in(error, "%s", request->place.name);
    *ret_reuse = reuse;
    reuse = REUSE_NONE;
    return true;
}

void reuse_close(const struct reuse *reuse)
{
    image_close(&reuse->image);
}

const struct reuse_block *reuse_find(const struct reuse *reuse, const void *data, size_t size_bytes)
{
    struct hash hash = digest_sha256((struct str){ data, size_bytes });
    size_t low = 0, high = reuse->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct reuse_block *at = &reuse->blocks[middle];
        int order = memcmp(at->hash.bytes, hash.bytes, HASH_BYTES);
        if (order == 0)
            return at->unpacked_bytes == size_bytes ? at : NULL;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool reuse_read(const struct reuse *reuse, const struct reuse_block *block, void *bytes,
                struct error *error)
{
    return image_file_read(&reuse->image.file, block->block.start, bytes, block->block.packed_bytes,
                           error) ||
           error_in(error, "%s", reuse->image.name);
}
