#include "builder/reader/image_decoder.h"

#include "builder/reader/image_kernel.h"

#include <libdeflate.h>
#include <sqfs/compressor.h>
#include <sqfs/super.h>
#include <zstd.h>

#include <assert.h>
#include <string.h>

static bool make_compressor(const struct image_file *file, sqfs_compressor_t **ret_compressor,
                            struct error *error)
{
    sqfs_compressor_config_t config;
    *ret_compressor = NULL;
    if (sqfs_compressor_config_init(&config, file->super.compression, file->super.block_bytes,
                                    SQFS_COMP_FLAG_UNCOMPRESS) == 0)
        sqfs_compressor_create(&config, ret_compressor);
    return *ret_compressor ||
           error_set(error, "set up the decompressor: out of memory, or libsquashfs has no %s",
                     file->compression_name);
}

bool image_decoder_make(const struct image_file *file, struct arena *arena,
                        struct image_decoder *ret_decoder, struct error *error)
{
    struct image_decoder decoder = { .file = file };
    sqfs_compressor_t *compressor = NULL;
    if (file->super.compression == SQFS_COMP_ZSTD)
        decoder.zstd = ZSTD_createDCtx();
    else if (file->super.compression == SQFS_COMP_GZIP)
        decoder.deflate = libdeflate_alloc_decompressor();
    else if (!make_compressor(file, &compressor, error))
        return false;
    decoder.compressor = compressor;
    if (!decoder.zstd && !decoder.deflate && !compressor)
        return error_set(error, "out of memory");
    assert(!!decoder.zstd + !!decoder.deflate + !!compressor == 1);
    decoder.packed = arena_room(arena, IMAGE_BLOCK_MAX);
    *ret_decoder = decoder;
    return true;
}

void image_decoder_release(const struct image_decoder *decoder)
{
    if (decoder->compressor)
        sqfs_destroy(decoder->compressor);
    ZSTD_freeDCtx(decoder->zstd);
    libdeflate_free_decompressor(decoder->deflate);
}

static bool damaged_block(uint64_t start, struct error *error)
{
    return error_set(error, "the block at byte %llu is damaged", (unsigned long long)start);
}

/* Returns the unpacked length. If the block is damaged, it is 0, negative or too large. */
static sqfs_s32 decompress(const struct image_decoder *decoder, const unsigned char *packed,
                           uint32_t packed_bytes, const struct image_buffer *buffer)
{
    sqfs_compressor_t *compressor = decoder->compressor;
    size_t length;
    if (compressor)
        return compressor->do_block(compressor, packed, packed_bytes, buffer->bytes,
                                    (sqfs_u32)buffer->room);
    if (decoder->deflate)
        return libdeflate_zlib_decompress(decoder->deflate, packed, packed_bytes, buffer->bytes,
                                          buffer->room, &length) == LIBDEFLATE_SUCCESS
                   ? (sqfs_s32)length
                   : -1;
    length = ZSTD_decompressDCtx(decoder->zstd, buffer->bytes, buffer->room, packed, packed_bytes);
    return ZSTD_isError(length) ? -1 : (sqfs_s32)length;
}

bool image_block_unpack(struct image_decoder *decoder, const unsigned char *packed,
                        struct image_block block, struct image_buffer *buffer, struct error *error)
{
    assert(block.packed_bytes > 0 && buffer->room > 0);
    if (block.is_stored) {
        if (block.packed_bytes > buffer->room)
            return damaged_block(block.start, error);
        memcpy(buffer->bytes, packed, block.packed_bytes);
        buffer->size_bytes = block.packed_bytes;
        return true;
    }
    sqfs_s32 got = decompress(decoder, packed, block.packed_bytes, buffer);
    if (got <= 0 || (size_t)got > buffer->room)
        return damaged_block(block.start, error);
    struct str stream = { (const char *)packed, block.packed_bytes };
    if (!image_kernel_reads(decoder->file, stream))
        return error_set(
            error, "the block at byte %llu is compressed in a way that the kernel does not read",
            (unsigned long long)block.start);
    buffer->size_bytes = (size_t)got;
    return true;
}

bool image_block_read(struct image_decoder *decoder, struct image_block block,
                      struct image_buffer *buffer, struct error *error)
{
    const struct image_file *file = decoder->file;
    assert(buffer->room <= IMAGE_BLOCK_MAX);
    if (block.packed_bytes == 0 || block.packed_bytes > IMAGE_BLOCK_MAX)
        return damaged_block(block.start, error);
    return budget_spend(&file->budget->contents, buffer->room, error) &&
           image_file_read(file, block.start, decoder->packed, block.packed_bytes, error) &&
           image_block_unpack(decoder, decoder->packed, block, buffer, error);
}
