/* image_stream.c — a span of an image is what one hash block of the lowest level covers. */
#include "units/fetch/stream.h"

#include "schema/nix/digest.h"

#include <assert.h>
#include <string.h>

enum stream_state image_stream_check(const struct stream *stream, uint64_t offset, struct str bytes,
                                     struct error *error)
{
    const struct verity_shape *shape = &stream->layer->shape;
    uint8_t found[VERITY_BLOCK_BYTES], wanted[VERITY_BLOCK_BYTES];
    size_t got;
    bool is_right;
    assert(offset % VERITY_SPAN_BYTES == 0 && bytes.len % VERITY_BLOCK_BYTES == 0);
    if (shape->level_count == 0) {
        struct hash hash = digest_sha256(bytes);
        is_right = hash_equal(&hash, &stream->layer->root);
    } else {
        uint64_t place = shape->levels[0].offset + offset / VERITY_SPAN_BYTES * VERITY_BLOCK_BYTES;
        verity_hash_blocks(bytes, found);
        if (!file_read_at(stream->verity, wanted, sizeof wanted, place, &got, error))
            return STREAM_FAILED;
        is_right = got == sizeof wanted && memcmp(found, wanted, sizeof wanted) == 0;
    }
    if (is_right)
        return STREAM_GOOD;
    error_set(error, "the bytes from %llu to %llu are not those that the root hash stands for",
              (unsigned long long)offset, (unsigned long long)(offset + bytes.len - 1));
    return STREAM_WRONG;
}
