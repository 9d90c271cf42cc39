#include "builder/image/reuse.h"

#include "builder/codec/compressor.h"
#include "builder/reader/image_trailer.h"
#include "builder/reader/image_workers.h"

#include "schema/base/file.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/nix/digest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct work {
    struct reuse *reuse;
    struct crew crew;
    struct image_workers workers;
    uint32_t block_bytes;
};

/* --- Blocks of the old image ------------------------------------------------------------------ */

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
    assert(reuse->blocks);
    if (block.packed_bytes > 0)
        reuse->blocks[reuse->count++] = (struct reuse_block){ .block = block };
}

/* Lists the blocks of files and the fragment blocks. Blocks that files share are listed once. */
static void list_blocks(struct reuse *reuse, struct arena *arena)
{
    const struct image *image = &reuse->image;
    size_t most = image->fragment_count + image->tree.stored_block_count, kept = 0;
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
    assert(reuse->count <= most);
    qsort(reuse->blocks, reuse->count, sizeof *reuse->blocks, compare_places);
    for (size_t i = 0; i < reuse->count; i++)
        if (i == 0 || reuse->blocks[i].block.start != reuse->blocks[kept - 1].block.start)
            reuse->blocks[kept++] = reuse->blocks[i];
    reuse->count = kept;
}

/* A block that cannot be unpacked keeps the size 0. If the budget is exceeded, no more blocks are. */
static bool hash_block(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    const struct work *work = context;
    struct reuse_block *block = &work->reuse->blocks[index];
    struct image_worker *worker = &work->workers.items[member->number];
    struct image_buffer buffer = { worker->block, work->block_bytes, 0 };
    if (!image_block_read(&worker->decoder, block->block, &buffer, error))
        return budget_check(&work->reuse->image.file.budget->contents, error);
    const char *packed = (const char *)worker->decoder.packed;
    block->hash = digest_sha256((struct str){ (const char *)buffer.bytes, buffer.size_bytes });
    block->packed_hash = digest_sha256((struct str){ packed, block->block.packed_bytes });
    block->unpacked_bytes = (uint32_t)buffer.size_bytes;
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

/* --- The whole ----------------------------------------------------------------------------------- */

static void work_release(const struct work *work)
{
    image_workers_release(&work->workers);
}

/* If the record were wrong, the new image would get blocks that cannot be unpacked. So the super
 * block must agree with the record. */
static bool check_record(const struct image_file *file, const struct reuse_request *request,
                         uint32_t block_bytes, struct arena scratch, struct error *error)
{
    struct image_trailer trailer;
    struct str record;
    if (!image_trailer_read(file, &scratch, &trailer, error) ||
        !block_record(request->compression, block_bytes, &scratch, &record, error))
        return false;
    if (trailer.record.len == 0)
        return error_set(error, "it does not record how its blocks were compressed");
    if (!str_equal(trailer.record, record))
        return error_set(error, "its blocks were compressed by '%.*s', not by '%.*s'",
                         STR_SHOWN(trailer.record), STR_SHOWN(record));
    if (file->super.compression != (uint16_t)compressor_id(request->compression) ||
        file->super.block_bytes != block_bytes)
        return error_set(error, "its record contradicts its super block");
    return true;
}

static bool take_blocks(struct reuse *reuse, const struct reuse_request *request,
                        uint32_t block_bytes, struct arena *arena, struct error *error)
{
    cleanup(work_release) struct work work = { .reuse = reuse, .block_bytes = block_bytes };
    if (!check_record(&reuse->image.file, request, block_bytes, *arena, error))
        return false;
    list_blocks(reuse, arena);
    struct arena scratch = *arena;
    work.crew = crew_scratch(request->crew, reuse->count, &scratch);
    if (!image_workers_make(&reuse->image, &work.crew, &scratch, &work.workers, error) ||
        !parallel_run(&work.crew, reuse->count, hash_block, &work, error))
        return false;
    drop_damaged(reuse);
    qsort(reuse->blocks, reuse->count, sizeof *reuse->blocks, compare_hashes);
    return true;
}

bool reuse_open(const struct reuse_request *request, uint32_t block_bytes, struct arena *arena,
                struct reuse *ret_reuse, struct error *error)
{
    struct reuse reuse = REUSE_NONE;
    if (!image_open(&request->place, request->store_dir, arena, &reuse.image, error))
        return false;
    if (!take_blocks(&reuse, request, block_bytes, arena, error))
        return error_in(error, "%s", request->place.name);
    *ret_reuse = reuse;
    return true;
}

const struct reuse_block *reuse_find(const struct reuse *reuse, const void *data, size_t size_bytes)
{
    struct hash hash = digest_sha256((struct str){ data, size_bytes });
    size_t low = 0, high = reuse->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct reuse_block *at = &reuse->blocks[middle];
        int order = memcmp(at->hash.bytes, hash.bytes, HASH_BYTES);
        assert(order != 0 || at->unpacked_bytes == size_bytes);
        if (order == 0)
            return at;
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
    assert(block >= reuse->blocks && block < reuse->blocks + reuse->count);
    size_t size_bytes = block->block.packed_bytes;
    if (!image_file_read(&reuse->image.file, block->block.start, bytes, size_bytes, error))
        return error_in(error, "%s", reuse->image.name);
    struct hash hash = digest_sha256((struct str){ bytes, size_bytes });
    return hash_equal(&hash, &block->packed_hash) ||
           error_set(error, "%s: it changed while its blocks were copied; run again",
                     reuse->image.name);
}
