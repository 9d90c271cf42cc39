/* floor — how long the compressor alone takes for the blocks of an image.
 *
 * Usage    floor ROUNDS IMAGE COMPRESSION JOBS
 *
 * Unpacks all blocks of the image into memory, the fragment blocks too, and compresses them again, in JOBS threads,
 * as regd-build does. Only that is measured: no file is read, nothing hashed or written.
 *
 * Prints   as measure does: a name, median and least wall time, median and least CPU time in milliseconds, and in
 *          place of the memory the bytes that come out.
 */
#include "builder/codec/compressor.h"
#include "builder/codec/sqfs_parts.h"
#include "builder/reader/image_reader.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MAX = 1000 };

struct floor {
    struct str *blocks; /* unpacked */
    size_t count;
    sqfs_compressor_t *compressors[CREW_JOBS_MAX];
    unsigned char *packed[CREW_JOBS_MAX];
    size_t block_bytes;
    atomic_size_t packed_bytes;
};

static bool is_zero(struct str block)
{
    return block.data[0] == 0 && memcmp(block.data, block.data + 1, block.len - 1) == 0;
}

static bool add_block(struct floor *floor, struct image_worker *worker, struct image_block block,
                      struct arena *arena, struct error *error)
{
    if (block.packed_bytes == 0)
        return true;
    struct image_buffer buffer = { arena_room(arena, floor->block_bytes), floor->block_bytes, 0 };
    if (!image_block_read(&worker->decoder, block, &buffer, error))
        return false;
    struct str text = { (const char *)buffer.bytes, buffer.size_bytes };
    if (!is_zero(text))
        floor->blocks[floor->count++] = text;
    return true;
}

static bool unpack(struct floor *floor, const struct image *image, struct arena *arena,
                   struct error *error)
{
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    const struct image_tree *tree = &image->tree;
    size_t most = image->fragment_count;
    uint64_t behind = 0; /* copies of a file share their blocks, which ascend from file to file */
    for (size_t i = 0; i < tree->inode_count; i++)
        most += tree->inodes[i].kind == IMAGE_REGULAR ? tree->inodes[i].block_count : 0;
    floor->block_bytes = image->file.super.block_bytes;
    floor->blocks = arena_new(arena, struct str, most);
    if (!image_worker_make(image, arena, &worker, error))
        return false;
    for (size_t i = tree->inode_count; i-- > 0;) {
        const struct image_inode *inode = &tree->inodes[i];
        uint64_t start = inode->first_block;
        for (uint32_t j = 0; inode->kind == IMAGE_REGULAR && j < inode->block_count; j++) {
            struct image_block block = image_tree_block(inode, j, start);
            start += block.packed_bytes;
            if (block.start < behind)
                continue;
            if (!add_block(floor, &worker, block, arena, error))
                return false;
            behind = start;
        }
    }
    for (size_t i = 0; i < image->fragment_count; i++)
        if (!add_block(floor, &worker, image->fragments[i].block, arena, error))
            return false;
    return true;
}

static bool pack_block(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    struct floor *floor = context;
    struct str block = floor->blocks[index];
    sqfs_compressor_t *compressor = floor->compressors[member->number];
    sqfs_s32 length =
        compressor->do_block(compressor, (const sqfs_u8 *)block.data, (sqfs_u32)block.len,
                             floor->packed[member->number], (sqfs_u32)floor->block_bytes);
    atomic_fetch_add(&floor->packed_bytes, length > 0 ? (size_t)length : block.len);
    return length >= 0 || error_set(error, "the compressor failed");
}

static bool start(struct floor *floor, struct str compression, unsigned jobs, struct arena *arena,
                  struct error *error)
{
    struct compression parsed;
    if (!compression_parse(compression, &parsed, error))
        return false;
    for (unsigned i = 0; i < jobs; i++) {
        floor->packed[i] = arena_room(arena, floor->block_bytes);
        if (!compressor_make(&parsed, floor->block_bytes, &floor->compressors[i], error))
            return false;
    }
    return true;
}

static double ms_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static bool measure(struct floor *floor, unsigned jobs, size_t rounds, struct error *error)
{
    double wall_ms[ROUNDS_MAX], cpu_ms[ROUNDS_MAX];
    struct crew crew = { .jobs = jobs };
    for (size_t i = 0; i < rounds; i++) {
        double wall = ms_of(CLOCK_MONOTONIC), cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
        floor->packed_bytes = 0;
        if (!parallel_run(&crew, floor->count, pack_block, floor, error))
            return false;
        wall_ms[i] = ms_of(CLOCK_MONOTONIC) - wall;
        cpu_ms[i] = ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    double wall = median(wall_ms, rounds), cpu = median(cpu_ms, rounds);
    printf("the compressor alone\t%.2f\t%.2f\t%.2f\t%.2f\t%zu\n", wall, wall_ms[0], cpu, cpu_ms[0],
           (size_t)floor->packed_bytes);
    return true;
}

static bool run(char **arguments, struct error *error)
{
    static struct floor floor;
    struct arena arena;
    struct image_place place = { .name = arguments[2] };
    struct image image = { 0 };
    cleanup(own_close) int fd = open(place.name, O_RDONLY | O_CLOEXEC);
    size_t rounds = strtoul(arguments[1], NULL, 10);
    unsigned jobs = (unsigned)strtoul(arguments[4], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX || jobs < 1 || jobs > CREW_JOBS_MAX || fd < 0)
        return error_set(error, "these arguments cannot be right");
    place.fd = fd;
    return arena_reserve(&arena, (size_t)64 << 30, error) &&
           image_open(&place, STR("/nix/store"), &arena, &image, error) &&
           unpack(&floor, &image, &arena, error) &&
           start(&floor, str_from(arguments[3]), jobs, &arena, error) &&
           measure(&floor, jobs, rounds, error);
}

int main(int argc, char **argv)
{
    struct error error;
    if (argc != 5) {
        fputs("Usage: floor ROUNDS IMAGE COMPRESSION JOBS\n", stderr);
        return 2;
    }
    if (run(argv, &error))
        return EXIT_SUCCESS;
    error_print(stderr, argv[0], &error);
    return EXIT_FAILURE;
}
