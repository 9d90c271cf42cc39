#include "schema/boot/verity.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/nix/digest.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct str verity_stem(struct str image)
{
    struct str suffix = STR(".squashfs");
    if (str_ends(image, suffix))
        image.len -= suffix.len;
    return image;
}

struct str verity_name(struct str image, struct arena *arena)
{
    return arena_format(arena, "%.*s" VERITY_SUFFIX, STR_ARG(verity_stem(image)));
}

bool verity_shape_of(uint64_t image_bytes, struct verity_shape *ret_shape, struct error *error)
{
    struct verity_shape shape = { .data_blocks = image_bytes / VERITY_BLOCK_BYTES };
    if (image_bytes == 0 || image_bytes % VERITY_BLOCK_BYTES != 0)
        return error_set(error,
                         "%llu bytes are not a whole number of blocks of %d bytes, which dm-verity "
                         "needs",
                         (unsigned long long)image_bytes, VERITY_BLOCK_BYTES);
    for (uint64_t count = shape.data_blocks; count > 1;) {
        count = count / VERITY_BRANCHES + (count % VERITY_BRANCHES != 0);
        assert(shape.level_count < VERITY_LEVELS_MAX);
        shape.levels[shape.level_count++].block_count = count;
    }
    shape.size_bytes = VERITY_BLOCK_BYTES;
    for (unsigned i = shape.level_count; i-- > 0;) {
        shape.levels[i].offset = shape.size_bytes;
        shape.size_bytes += shape.levels[i].block_count * VERITY_BLOCK_BYTES;
    }
    *ret_shape = shape;
    return true;
}

void verity_uuid(const struct hash *root, uint8_t ret_uuid[static VERITY_UUID_BYTES])
{
    memcpy(ret_uuid, root->bytes, VERITY_UUID_BYTES);
    ret_uuid[6] = (ret_uuid[6] & 0x0f) | 0x80;
    ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
}

static void put_number(uint8_t *bytes, uint64_t number, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

void verity_superblock(const struct verity_shape *shape, const struct hash *root,
                       uint8_t ret_block[static VERITY_BLOCK_BYTES])
{
    memset(ret_block, 0, VERITY_BLOCK_BYTES);
    memcpy(ret_block, "verity", strlen("verity"));
    put_number(ret_block + 8, 1, 4);
    put_number(ret_block + 12, 1, 4);
    verity_uuid(root, ret_block + 16);
    memcpy(ret_block + 32, "sha256", strlen("sha256"));
    put_number(ret_block + 64, VERITY_BLOCK_BYTES, 4);
    put_number(ret_block + 68, VERITY_BLOCK_BYTES, 4);
    put_number(ret_block + 72, shape->data_blocks, 8);
}

void verity_hash_blocks(struct str blocks, uint8_t ret_block[static VERITY_BLOCK_BYTES])
{
    size_t count = blocks.len / VERITY_BLOCK_BYTES;
    assert(count >= 1 && count <= VERITY_BRANCHES && blocks.len % VERITY_BLOCK_BYTES == 0);
    memset(ret_block, 0, VERITY_BLOCK_BYTES);
    cleanup(digest_release) struct digest digest = digest_start();
    for (size_t i = 0; i < count; i++) {
        digest_add(&digest, blocks.data + i * VERITY_BLOCK_BYTES, VERITY_BLOCK_BYTES);
        struct hash hash = digest_next(&digest);
        memcpy(ret_block + i * HASH_BYTES, hash.bytes, HASH_BYTES);
    }
}

/* One level is computed, from the level below or from the image. A task makes one hash block. */
struct level_work {
    struct file source, target;
    uint64_t source_offset, target_offset; /* of the level, in their files */
    uint64_t source_blocks;
    bool is_check;    /* compare instead of writing */
    const char *unit; /* what the source consists of, for a sentence */
};

static bool read_whole(struct file file, void *bytes, size_t size_bytes, uint64_t offset,
                       struct error *error)
{
    size_t got;
    return file_read_at(file, bytes, size_bytes, offset, &got, error) &&
           (got == size_bytes || error_set(error, "read %s: it is shorter than it was", file.name));
}

/* Finds the first of the blocks whose hash differs. */
static bool compare(const struct level_work *work, const uint8_t *block, uint64_t first,
                    uint64_t offset, struct error *error)
{
    uint8_t there[VERITY_BLOCK_BYTES];
    size_t place = 0;
    if (!read_whole(work->target, there, sizeof there, offset, error))
        return false;
    if (memcmp(block, there, sizeof there) == 0)
        return true;
    while (block[place] == there[place])
        place++;
    uint64_t index = first + place / HASH_BYTES;
    if (index >= work->source_blocks)
        return error_set(error, "%s: no NULs at byte %llu, behind the hashes of a level",
                         work->target.name, (unsigned long long)(offset + place));
    return error_set(error, "%s: the %s at byte %llu does not have the hash that %s lists",
                     work->source.name, work->unit,
                     (unsigned long long)(work->source_offset + index * VERITY_BLOCK_BYTES),
                     work->target.name);
}

static bool hash_span(void *context, const struct crew_member *member, size_t index,
                      struct error *error)
{
    const struct level_work *work = context;
    struct arena scratch = *member->arena;
    uint8_t block[VERITY_BLOCK_BYTES];
    uint64_t first = (uint64_t)index * VERITY_BRANCHES, left = work->source_blocks - first;
    size_t count = left < VERITY_BRANCHES ? (size_t)left : VERITY_BRANCHES;
    char *bytes = arena_room(&scratch, VERITY_SPAN_BYTES);
    uint64_t offset = work->target_offset + (uint64_t)index * VERITY_BLOCK_BYTES;
    assert(first < work->source_blocks);
    if (!read_whole(work->source, bytes, count * VERITY_BLOCK_BYTES,
                    work->source_offset + first * VERITY_BLOCK_BYTES, error))
        return false;
    verity_hash_blocks((struct str){ bytes, count * VERITY_BLOCK_BYTES }, block);
    return work->is_check ? compare(work, block, first, offset, error)
                          : file_write_at(work->target, block, sizeof block, offset, error);
}

/* The root hash is that of the topmost level, or of the only block of the image. */
static bool hash_top(const struct verity_files *files, const struct verity_shape *shape,
                     struct hash *ret_root, struct error *error)
{
    char top[VERITY_BLOCK_BYTES];
    bool has_levels = shape->level_count > 0;
    struct file file = has_levels ? files->verity : files->image;
    uint64_t offset = has_levels
                          ? files->verity_offset + shape->levels[shape->level_count - 1].offset
                          : files->image_offset;
    if (!read_whole(file, top, sizeof top, offset, error))
        return false;
    *ret_root = digest_sha256((struct str){ top, sizeof top });
    return true;
}

/* Computes all levels, the lowest one first, and the root hash. */
static bool run(const struct verity_files *files, const struct verity_shape *shape, bool is_check,
                const struct crew *crew, struct hash *ret_root, struct error *error)
{
    struct level_work work = {
        .source = files->image,
        .source_offset = files->image_offset,
        .source_blocks = shape->data_blocks,
        .target = files->verity,
        .is_check = is_check,
        .unit = "block",
    };
    for (unsigned i = 0; i < shape->level_count; i++) {
        work.target_offset = files->verity_offset + shape->levels[i].offset;
        if (!parallel_run(crew, shape->levels[i].block_count, hash_span, &work, error))
            return false;
        work.source = files->verity;
        work.source_offset = work.target_offset;
        work.source_blocks = shape->levels[i].block_count;
        work.unit = "hash block";
    }
    return hash_top(files, shape, ret_root, error);
}

bool verity_write(const struct verity_files *files, const struct verity_shape *shape,
                  const struct crew *crew, struct hash *ret_root, struct error *error)
{
    uint8_t superblock[VERITY_BLOCK_BYTES];
    if (!run(files, shape, false, crew, ret_root, error))
        return false;
    verity_superblock(shape, ret_root, superblock);
    return file_write_at(files->verity, superblock, sizeof superblock, files->verity_offset, error);
}

bool verity_compute(const struct verity_files *files, const struct verity_shape *shape,
                    const struct crew *crew, struct hash *ret_root, struct error *error)
{
    struct verity_files own = *files;
    cleanup(own_close) int fd = memfd_create("verity", MFD_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "make room for the hash tree of %s", files->image.name);
    own.verity = (struct file){ fd, "the hash tree in memory" };
    own.verity_offset = 0;
    return verity_write(&own, shape, crew, ret_root, error);
}

bool verity_root(const struct verity_files *files, const struct verity_shape *shape,
                 struct hash *ret_root, struct error *error)
{
    uint8_t wanted[VERITY_BLOCK_BYTES], there[VERITY_BLOCK_BYTES];
    if (!hash_top(files, shape, ret_root, error) ||
        !read_whole(files->verity, there, sizeof there, files->verity_offset, error))
        return false;
    verity_superblock(shape, ret_root, wanted);
    return memcmp(wanted, there, sizeof wanted) == 0 ||
           error_set(error, "%s: its superblock is not the one that regd-build writes",
                     files->verity.name);
}

bool verity_check(const struct verity_files *files, const struct verity_shape *shape,
                  const struct hash *root, const struct crew *crew, struct error *error)
{
    struct hash found, claimed;
    if (!run(files, shape, true, crew, &found, error))
        return false;
    if (!hash_equal(&found, root))
        return error_set(error, "%s: its root hash is %s, expected %s", files->verity.name,
                         hash_to_hex(&found).text, hash_to_hex(root).text);
    return verity_root(files, shape, &claimed, error);
}
