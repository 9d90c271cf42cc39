#include "builder/image/pack.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <sqfs/error.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Limit of the compressed blocks in memory, per thread. */
enum { BUFFERS_PER_JOB = 4 };

enum { PLAIN_BIT = 1 << 24 };

struct worker {
    sqfs_compressor_t *compressor; /* owned */
    uint8_t *plain;                /* a block before it is compressed */
};

/* A block on its way to the image. */
struct parcel {
    bool is_ready, is_plain;
    uint32_t size_bytes;
    uint8_t *bytes;                /* a buffer; null if the block is all zeros or is copied */
    const struct reuse_block *old; /* the old block that is copied; null if none */
};

struct packer {
    const struct pack_request *request;
    uint32_t block_bytes;
    struct crew crew;
    struct worker *workers; /* per thread of the crew */
    struct packed *packed;

    pthread_mutex_t lock;
    pthread_cond_t moved;   /* signalled when a block is written or something fails */
    struct parcel *parcels; /* per block */
    size_t next;            /* the block that is written next */
    uint8_t *copied;        /* a block of the old image; used by the thread that writes */
    bool is_writing, has_failed;
    uint8_t **free_buffers;
    size_t free_count;
    int code; /* the library's code for the first failure to compress or write */
};

uint32_t packed_field(const struct packed *packed)
{
    return packed->is_plain ? packed->size_bytes | PLAIN_BIT : packed->size_bytes;
}

static bool read_piece(const struct packer *packer, const struct piece *piece, uint8_t *at,
                       struct arena scratch, struct error *error)
{
    const struct inventory *inventory = packer->request->inventory;
    struct str content = inventory->nodes[piece->node].content;
    if (content.data) {
        memcpy(at, content.data + piece->offset, piece->size_bytes);
        return true;
    }
    cleanup(own_close) int fd = -1;
    if (!inventory_open(inventory, piece->node, scratch, &fd, error))
        return false;
    ssize_t got = file_pread(fd, at, piece->size_bytes, piece->offset);
    if (got < 0)
        return error_errno(error, errno, "read %s",
                           inventory_path(inventory, piece->node, &scratch).data);
    if ((size_t)got < piece->size_bytes)
        return error_set(error, "%s: it changed while it was read",
                         inventory_path(inventory, piece->node, &scratch).data);
    return inventory_check(inventory, piece->node, scratch, fd, error);
}

static bool is_zero(const uint8_t *bytes, size_t size_bytes)
{
    assert(size_bytes > 0);
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0;
}

/* --- Writing in order ------------------------------------------------------------------------- */

static void stop(struct packer *packer, int code)
{
    pthread_mutex_lock(&packer->lock);
    if (!packer->has_failed)
        packer->code = code;
    packer->has_failed = true;
    pthread_cond_broadcast(&packer->moved);
    pthread_mutex_unlock(&packer->lock);
}

static bool has_failed(struct packer *packer)
{
    pthread_mutex_lock(&packer->lock);
    bool failed = packer->has_failed;
    pthread_mutex_unlock(&packer->lock);
    return failed;
}

/* Waits for a buffer. The last one is reserved for the block that is written next: all other blocks
 * wait for that one, so without a buffer for it nothing would move. Returns null if something has
 * failed. */
static uint8_t *take_buffer(struct packer *packer, size_t index)
{
    uint8_t *buffer = NULL;
    pthread_mutex_lock(&packer->lock);
    while (!packer->has_failed && packer->free_count <= (index == packer->next ? 0 : 1))
        pthread_cond_wait(&packer->moved, &packer->lock);
    if (!packer->has_failed)
        buffer = packer->free_buffers[--packer->free_count];
    pthread_mutex_unlock(&packer->lock);
    return buffer;
}

/* Appends a block to the image. */
static bool write_parcel(const struct packer *packer, const struct parcel *parcel, int *ret_code,
                         struct error *error)
{
    struct sqfs_range *image = packer->request->image;
    *ret_code = 0;
    if (parcel->old && !reuse_read(packer->request->reuse, parcel->old, packer->copied, error))
        return false;
    if (parcel->size_bytes > 0)
        *ret_code =
            image->base.write_at(&image->base, image->size_bytes,
                                 parcel->old ? packer->copied : parcel->bytes, parcel->size_bytes);
    return true;
}

/* Writes the next block. The caller holds the lock, which is released during the write. */
static bool write_next(struct packer *packer, struct error *error)
{
    struct parcel *parcel = &packer->parcels[packer->next];
    int code;
    assert(parcel->is_ready && !(parcel->bytes && parcel->old));
    packer->packed[packer->next] = (struct packed){
        .offset = parcel->size_bytes > 0 ? packer->request->image->size_bytes : 0,
        .size_bytes = parcel->size_bytes,
        .is_plain = parcel->is_plain,
        .is_reused = parcel->old != NULL,
    };
    pthread_mutex_unlock(&packer->lock);
    bool done = write_parcel(packer, parcel, &code, error);
    pthread_mutex_lock(&packer->lock);
    if ((!done || code < 0) && !packer->has_failed) {
        packer->code = code;
        packer->has_failed = true;
    }
    if (parcel->bytes)
        packer->free_buffers[packer->free_count++] = parcel->bytes;
    packer->next++;
    pthread_cond_broadcast(&packer->moved);
    return done;
}

/* Hands over a block. If no other thread is writing, writes all blocks that are ready. */
static bool deliver(struct packer *packer, size_t index, const struct parcel *parcel,
                    struct error *error)
{
    bool done = true;
    pthread_mutex_lock(&packer->lock);
    assert(index >= packer->next && !packer->parcels[index].is_ready); /* each once */
    packer->parcels[index] = *parcel;
    if (!packer->is_writing) {
        packer->is_writing = true;
        while (!packer->has_failed && packer->next < packer->request->plan->block_count &&
               packer->parcels[packer->next].is_ready)
            done = write_next(packer, error) && done;
        packer->is_writing = false;
    }
    pthread_mutex_unlock(&packer->lock);
    return done;
}

/* --- One block --------------------------------------------------------------------------------- */

static bool read_block(const struct packer *packer, const struct block *block, uint8_t *at,
                       struct arena scratch, struct error *error)
{
    const struct piece *pieces = &packer->request->plan->pieces[block->first_piece];
    const uint8_t *start = at;
    for (size_t i = 0; i < block->piece_count; i++) {
        if (!read_piece(packer, &pieces[i], at, scratch, error))
            return false;
        at += pieces[i].size_bytes;
    }
    assert(at == start + block->size_bytes);
    return true;
}

/* Finds a block of the old image that has the same content. */
static bool find_old(const struct packer *packer, const struct worker *worker, uint32_t size_bytes,
                     struct parcel *parcel)
{
    const struct reuse *reuse = packer->request->reuse;
    parcel->old = reuse ? reuse_find(reuse, worker->plain, size_bytes) : NULL;
    if (!parcel->old)
        return false;
    parcel->size_bytes = parcel->old->block.packed_bytes;
    parcel->is_plain = parcel->old->block.is_stored;
    return true;
}

static int compress(const struct packer *packer, struct worker *worker, uint32_t size_bytes,
                    struct parcel *parcel)
{
    sqfs_s32 length = worker->compressor->do_block(worker->compressor, worker->plain, size_bytes,
                                                   parcel->bytes, packer->block_bytes);
    if (length < 0)
        return length;
    parcel->size_bytes = length > 0 ? (uint32_t)length : size_bytes;
    parcel->is_plain = length == 0;
    assert(parcel->size_bytes <= packer->block_bytes);
    if (parcel->is_plain)
        memcpy(parcel->bytes, worker->plain, size_bytes);
    return 0;
}

static bool pack_block(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    struct packer *packer = context;
    const struct plan *plan = packer->request->plan;
    const struct block *block = &plan->blocks[index];
    struct worker *worker = &packer->workers[member->number];
    struct parcel parcel = { .is_ready = true };
    if (has_failed(packer))
        return true; /* the thread that failed reports it */
    if (!read_block(packer, block, worker->plain, *member->arena, error)) {
        stop(packer, 0);
        return false;
    }
    bool is_hole = index < plan->fragment_start && is_zero(worker->plain, block->size_bytes);
    if (!is_hole && !find_old(packer, worker, block->size_bytes, &parcel)) {
        parcel.bytes = take_buffer(packer, index);
        if (!parcel.bytes)
            return true;
        int code = compress(packer, worker, block->size_bytes, &parcel);
        if (code < 0) {
            stop(packer, code);
            return true;
        }
    }
    progress_add(packer->request->progress, block->size_bytes);
    return deliver(packer, index, &parcel, error);
}

/* --- All blocks ------------------------------------------------------------------------------- */

/* Each thread's buffers are in its own arena. So if there is memory for one thread, there is for
 * all. */
static bool start_workers(struct packer *packer, struct arena *arena, struct error *error)
{
    const struct crew *crew = &packer->crew;
    packer->workers = arena_new(arena, struct worker, crew->jobs);
    packer->free_buffers = arena_new(arena, uint8_t *, (size_t)crew->jobs * BUFFERS_PER_JOB);
    for (unsigned i = 0; i < crew->jobs; i++) {
        struct worker *worker = &packer->workers[i];
        worker->plain = arena_room(&crew->arenas[i], packer->block_bytes);
        for (int j = 0; j < BUFFERS_PER_JOB; j++)
            packer->free_buffers[packer->free_count++] =
                arena_room(&crew->arenas[i], packer->block_bytes);
        worker->compressor = sqfs_copy(packer->request->compressor);
        if (!worker->compressor)
            return error_set(error, "start the compressing threads: out of memory");
    }
    return true;
}

static void release(struct packer *packer)
{
    for (unsigned i = 0; packer->workers && i < packer->crew.jobs; i++)
        sqfs_part_destroy(packer->workers[i].compressor);
}

bool pack_run(const struct pack_request *request, struct arena scratch, struct packed *ret_packed,
              int *ret_code, struct error *error)
{
    cleanup(release) struct packer packer = {
        .request = request,
        .block_bytes = request->plan->block_bytes,
        .crew = crew_scratch(request->crew, request->plan->block_count, &scratch),
        .packed = ret_packed,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .moved = PTHREAD_COND_INITIALIZER,
        .parcels = arena_new(&scratch, struct parcel, request->plan->block_count),
        .copied = arena_room(&scratch, request->plan->block_bytes),
    };
    *ret_code = 0;
    if (!start_workers(&packer, &scratch, error))
        return false;
    uint64_t total = 0;
    for (size_t i = 0; i < request->plan->block_count; i++)
        total += request->plan->blocks[i].size_bytes;
    progress_start(request->progress, "compressing", total);
    bool done = parallel_run(&packer.crew, request->plan->block_count, pack_block, &packer, error);
    progress_end(request->progress);
    if (!done)
        return false;
    assert(packer.has_failed || packer.next == request->plan->block_count);
    *ret_code = packer.code;
    return !packer.has_failed;
}
