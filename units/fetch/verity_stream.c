/* verity_stream.c — the levels arrive from the top down, so each block can be checked by the one
 * above it, which is in the file already. */
#include "units/fetch/stream.h"

#include "schema/nix/digest.h"

#include <assert.h>
#include <string.h>

/* Which block of which level is at that offset of the verity data? */
static unsigned find_level(const struct verity_shape *shape, uint64_t offset, uint64_t *ret_block)
{
    unsigned level = 0;
    while (offset < shape->levels[level].offset)
        level++;
    assert(level < shape->level_count);
    *ret_block = (offset - shape->levels[level].offset) / VERITY_BLOCK_BYTES;
    return level;
}

/* Reads the hash that a block must have. */
static bool read_wanted(const struct stream *stream, uint64_t offset, struct hash *ret_hash,
                        struct error *error)
{
    const struct verity_shape *shape = &stream->layer->shape;
    uint64_t block;
    size_t got;
    unsigned level = find_level(shape, offset, &block);
    if (level + 1 == shape->level_count) {
        *ret_hash = stream->layer->root;
        return true;
    }
    uint64_t place = shape->levels[level + 1].offset + block * HASH_BYTES;
    return file_read_at(stream->target, ret_hash->bytes, HASH_BYTES, place, &got, error) &&
           (got == HASH_BYTES ||
            error_set(error, "read %s: it is shorter than it was", stream->target.name));
}

static enum stream_state check_block(const struct stream *stream, uint64_t offset, struct str block,
                                     struct error *error)
{
    bool is_right;
    if (offset == 0) {
        uint8_t superblock[VERITY_BLOCK_BYTES];
        verity_superblock(&stream->layer->shape, &stream->layer->root, superblock);
        is_right = memcmp(superblock, block.data, sizeof superblock) == 0;
    } else {
        struct hash wanted, found = digest_sha256(block);
        if (!read_wanted(stream, offset, &wanted, error))
            return STREAM_FAILED;
        is_right = hash_equal(&wanted, &found);
    }
    if (!is_right) {
        error_set(error, "the hash block at byte %llu is not the one that the root hash stands for",
                  (unsigned long long)offset);
        return STREAM_WRONG;
    }
    return file_write_at(stream->target, block.data, block.len, offset, error) ? STREAM_GOOD
                                                                               : STREAM_FAILED;
}

enum stream_state verity_stream_check(const struct stream *stream, uint64_t offset,
                                      struct str bytes, struct error *error)
{
    assert(bytes.len % VERITY_BLOCK_BYTES == 0);
    enum stream_state state = STREAM_GOOD;
    for (size_t i = 0; i < bytes.len && state == STREAM_GOOD; i += VERITY_BLOCK_BYTES)
        state = check_block(stream, offset + i, (struct str){ bytes.data + i, VERITY_BLOCK_BYTES },
                            error);
    return state;
}
