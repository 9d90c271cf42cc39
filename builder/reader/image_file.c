#include "builder/reader/image_file.h"

#include "schema/base/file.h"

#include <libdeflate.h>
#include <sqfs/compressor.h>
#include <sqfs/error.h>
#include <zstd.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)SQFS_MAX_BLOCK_SIZE == (int)IMAGE_BLOCK_MAX, "the library's largest block");

enum { STORED_BIT = 0x8000, BLOCK_LOG_LEAST = 12, BLOCK_LOG_MOST = 20 };

/* Of a table's block: what it unpacks to, and its position. */
static const uint64_t table_block_memory = IMAGE_TABLE_BLOCK_BYTES + sizeof(uint64_t);

/* Far beyond what a table of IMAGE_TABLE_MAX takes. */
static const uint64_t packed_max = (uint64_t)IMAGE_TABLE_MAX + IMAGE_TABLE_MAX / 64;

uint16_t image_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t image_u32(const unsigned char *bytes)
{
    return image_u16(bytes) | (uint32_t)image_u16(bytes + 2) << 16;
}

uint64_t image_u64(const unsigned char *bytes)
{
    return image_u32(bytes) | (uint64_t)image_u32(bytes + 4) << 32;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

bool image_file_read(const struct image_file *file, uint64_t start, void *bytes, size_t size_bytes,
                     struct error *error)
{
    if (start > file->size_bytes || size_bytes > file->size_bytes - start)
        return error_set(error, "it is cut off: byte %llu is not there",
                         (unsigned long long)(start + size_bytes));
    ssize_t got = file_pread(file->fd, bytes, size_bytes, file->offset + start);
    if (got < 0)
        return error_errno(error, errno, "read byte %llu", (unsigned long long)start);
    return (size_t)got == size_bytes || error_set(error, "it changed while it was read");
}

/* --- The super block -------------------------------------------------------------------------- */

static struct image_super take_super(const unsigned char *bytes)
{
    return (struct image_super){
        .inode_count = image_u32(bytes + 4),
        .modified_seconds = image_u32(bytes + 8),
        .block_bytes = image_u32(bytes + 12),
        .fragment_count = image_u32(bytes + 16),
        .compression = image_u16(bytes + 20),
        .flags = image_u16(bytes + 24),
        .id_count = image_u16(bytes + 26),
        .root_inode = image_u64(bytes + 32),
        .used_bytes = image_u64(bytes + 40),
        .id_table = image_u64(bytes + 48),
        .attribute_table = image_u64(bytes + 56),
        .inode_table = image_u64(bytes + 64),
        .directory_table = image_u64(bytes + 72),
        .fragment_table = image_u64(bytes + 80),
        .export_table = image_u64(bytes + 88),
    };
}

static bool check_format(const unsigned char *bytes, struct error *error)
{
    uint32_t block_bytes = image_u32(bytes + 12);
    uint16_t block_log = image_u16(bytes + 22);
    uint16_t major = image_u16(bytes + 28), minor = image_u16(bytes + 30);
    if (image_u32(bytes) != SQFS_MAGIC)
        return error_set(error, "it is not a squashfs image");
    if (major != SQFS_VERSION_MAJOR || minor != SQFS_VERSION_MINOR)
        return error_set(error, "it has squashfs version %u.%u; only 4.0 is supported", major,
                         minor);
    if (block_log < BLOCK_LOG_LEAST || block_log > BLOCK_LOG_MOST ||
        block_bytes != (uint32_t)1 << block_log)
        return error_set(error, "damaged super block: blocks of %u bytes, which is not 2^%u",
                         block_bytes, block_log);
    return true;
}

/* Each table has to lie behind the one before it, and within what is used. */
static bool check_tables(const struct image_file *file, struct error *error)
{
    const struct image_super *super = &file->super;
    const uint64_t starts[] = {
        super->inode_table,  super->directory_table, super->fragment_table,
        super->export_table, super->id_table,        super->attribute_table
    };
    uint64_t before = IMAGE_SUPER_BYTES;
    if (super->used_bytes < IMAGE_SUPER_BYTES || super->used_bytes > file->size_bytes)
        return error_set(error, "it is cut off: it has %llu bytes, expected %llu",
                         (unsigned long long)file->size_bytes,
                         (unsigned long long)super->used_bytes);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (starts[i] == IMAGE_NO_TABLE && i > 1 && i != 4)
            continue;
        if (starts[i] < before || starts[i] > super->used_bytes)
            return error_set(error, "damaged super block: a table at byte %llu",
                             (unsigned long long)starts[i]);
        before = starts[i];
    }
    return true;
}

/* lzo and lzma stand in the format, but hardly anybody makes images with them. */
static bool check_compression(const struct image_file *file, struct error *error)
{
    uint16_t number = file->super.compression;
    if (!file->compression_name)
        return error_set(error, "damaged super block: unknown compression %u", number);
    if (number == SQFS_COMP_LZO || number == SQFS_COMP_LZMA)
        return error_set(error, "its compression %s is not supported; gzip, lz4, xz and zstd are",
                         file->compression_name);
    return true;
}

/* What there is of the place, and who pays for it. */
static bool look_at_place(const struct image_place *place, struct arena *arena,
                          struct image_file *file, struct error *error)
{
    struct stat status;
    if (fstat(place->fd, &status) < 0)
        return error_errno(error, errno, "look at it");
    if (!S_ISREG(status.st_mode))
        return error_set(error, "it is not a file");
    if ((uint64_t)status.st_size > place->offset)
        file->size_bytes = (uint64_t)status.st_size - place->offset;
    if (place->size_bytes && place->size_bytes < file->size_bytes)
        file->size_bytes = place->size_bytes;
    file->budget = place->budget;
    if (file->budget)
        return true;
    file->budget = arena_new(arena, struct image_budget, 1);
    *file->budget = image_budget_make(0);
    image_budget_pay(file->budget, budget_real_bytes(&status));
    return true;
}

bool image_file_open(const struct image_place *place, struct arena *arena,
                     struct image_file *ret_file, struct error *error)
{
    unsigned char bytes[IMAGE_SUPER_BYTES];
    struct image_file file = { .fd = place->fd, .offset = place->offset };
    if (!look_at_place(place, arena, &file, error))
        return false;
    if (file.size_bytes < sizeof bytes)
        return error_set(error, "it is not a squashfs image: it has only %llu bytes",
                         (unsigned long long)file.size_bytes);
    if (!image_file_read(&file, 0, bytes, sizeof bytes, error) || !check_format(bytes, error))
        return false;
    file.super = take_super(bytes);
    if (!check_tables(&file, error))
        return false;
    file.compression_name = sqfs_compressor_name_from_id(file.super.compression);
    if (!check_compression(&file, error))
        return false;
    *ret_file = file;
    return true;
}

/* --- Blocks ----------------------------------------------------------------------------------- */

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

/* The length, or one that cannot be. */
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

static bool unpack(struct image_decoder *decoder, const unsigned char *packed,
                   struct image_block block, struct image_buffer *buffer, struct error *error)
{
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
    buffer->size_bytes = (size_t)got;
    return true;
}

bool image_block_read(struct image_decoder *decoder, struct image_block block,
                      struct image_buffer *buffer, struct error *error)
{
    const struct image_file *file = decoder->file;
    if (block.packed_bytes == 0 || block.packed_bytes > IMAGE_BLOCK_MAX)
        return damaged_block(block.start, error);
    return budget_spend(&file->budget->contents, buffer->room, error) &&
           image_file_read(file, block.start, decoder->packed, block.packed_bytes, error) &&
           unpack(decoder, decoder->packed, block, buffer, error);
}

/* --- Tables ----------------------------------------------------------------------------------- */

static bool damaged_table(const struct image_range *range, const char *cause, struct error *error)
{
    return error_set(error, "damaged %s: %s", range->what, cause);
}

/* Counts the blocks of the chain, which has to end where the table does. */
static bool count_blocks(const unsigned char *packed, const struct image_range *range,
                         size_t *ret_count, struct error *error)
{
    size_t count = 0, size = (size_t)(range->end - range->start);
    for (size_t at = 0; at < size; count++) {
        if (size - at < 2)
            return damaged_table(range, "it ends inside a block's length", error);
        size_t length = image_u16(packed + at) & (STORED_BIT - 1);
        if (length == 0 || length > IMAGE_TABLE_BLOCK_BYTES)
            return damaged_table(range, "a block of impossible length", error);
        if (length > size - at - 2)
            return damaged_table(range, "it ends inside a block", error);
        at += 2 + length;
    }
    if (count > IMAGE_TABLE_MAX / IMAGE_TABLE_BLOCK_BYTES)
        return damaged_table(range, "it is larger than 1 GiB", error);
    *ret_count = count;
    return true;
}

/* All blocks but the last have to be full, so that a position tells the block. */
static bool unpack_blocks(struct image_decoder *decoder, const unsigned char *packed,
                          unsigned char *bytes, struct image_table *table, struct error *error)
{
    uint64_t at = 0;
    for (size_t i = 0; i < table->block_count; i++) {
        uint16_t word = image_u16(packed + at);
        struct image_block block = {
            .start = table->range.start + at,
            .packed_bytes = word & (STORED_BIT - 1),
            .is_stored = word & STORED_BIT,
        };
        struct image_buffer buffer = { bytes + table->size_bytes, IMAGE_TABLE_BLOCK_BYTES, 0 };
        table->block_positions[i] = at;
        if (!unpack(decoder, packed + at + 2, block, &buffer, error))
            return error_in(error, "damaged %s", table->range.what);
        if (buffer.size_bytes < IMAGE_TABLE_BLOCK_BYTES && i + 1 < table->block_count)
            return damaged_table(&table->range, "a block within it is not full", error);
        assert(buffer.size_bytes <= IMAGE_TABLE_BLOCK_BYTES);
        table->size_bytes += buffer.size_bytes;
        at += 2 + block.packed_bytes;
    }
    table->block_positions[table->block_count] = at;
    return true;
}

bool image_table_read(struct image_decoder *decoder, struct image_range range, struct arena *arena,
                      struct image_table *ret_table, struct error *error)
{
    const struct image_file *file = decoder->file;
    struct image_table table = { .range = range };
    if (range.end < range.start || range.end > file->super.used_bytes)
        return damaged_table(&range, "it does not end behind its start", error);
    uint64_t packed_bytes = range.end - range.start;
    if (packed_bytes > packed_max)
        return damaged_table(&range, "it is larger than 1 GiB", error);
    if (!budget_spend(&file->budget->memory, packed_bytes, error))
        return false;
    unsigned char *packed = arena_room(arena, (size_t)packed_bytes);
    if (!image_file_read(file, range.start, packed, (size_t)packed_bytes, error) ||
        !count_blocks(packed, &range, &table.block_count, error) ||
        !budget_spend(&file->budget->memory, table.block_count * table_block_memory, error))
        return false;
    unsigned char *bytes = arena_room(arena, table.block_count * IMAGE_TABLE_BLOCK_BYTES);
    table.block_positions = arena_new(arena, uint64_t, table.block_count + 1);
    table.bytes = bytes;
    if (!unpack_blocks(decoder, packed, bytes, &table, error))
        return false;
    *ret_table = table;
    return true;
}

/* Every position of the index has to be that of its block. */
static bool check_index(const unsigned char *index, const struct image_table *table,
                        struct error *error)
{
    for (size_t i = 0; i < table->block_count; i++)
        if (image_u64(index + 8 * i) != table->range.start + table->block_positions[i])
            return damaged_table(&table->range, "its index does not fit its blocks", error);
    return true;
}

bool image_table_read_indexed(struct image_decoder *decoder, struct image_range *index,
                              uint64_t size_bytes, struct arena *arena,
                              struct image_table *ret_table, struct error *error)
{
    const struct image_file *file = decoder->file;
    uint64_t count = (size_bytes + IMAGE_TABLE_BLOCK_BYTES - 1) / IMAGE_TABLE_BLOCK_BYTES;
    if (size_bytes == 0 || size_bytes > IMAGE_TABLE_MAX ||
        count * 8 > file->super.used_bytes - index->start)
        return damaged_table(index, "its size cannot be right", error);
    if (!budget_spend(&file->budget->memory, count * 8, error))
        return false;
    unsigned char *bytes = arena_room(arena, (size_t)count * 8);
    if (!image_file_read(file, index->start, bytes, (size_t)count * 8, error))
        return false;
    struct image_range range = { image_u64(bytes), index->start, index->what };
    struct image_table table;
    if (range.start < IMAGE_SUPER_BYTES || !image_table_read(decoder, range, arena, &table, error))
        return range.start < IMAGE_SUPER_BYTES
                   ? damaged_table(index, "it starts in the super block", error)
                   : false;
    if (table.block_count != count || table.size_bytes != size_bytes)
        return damaged_table(index, "it has another size than the super block says", error);
    if (!check_index(bytes, &table, error))
        return false;
    index->end = index->start + count * 8;
    *ret_table = table;
    return true;
}

size_t image_table_find(const struct image_table *table, uint64_t block, uint32_t offset)
{
    size_t low = 0, high = table->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->block_positions[middle] < block)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low <= table->block_count); /* which is the end's */
    if (table->block_positions[low] != block)
        return SIZE_MAX;
    if (low == table->block_count)
        return offset == 0 && table->size_bytes % IMAGE_TABLE_BLOCK_BYTES == 0 ? table->size_bytes
                                                                               : SIZE_MAX;
    size_t position = low * IMAGE_TABLE_BLOCK_BYTES + offset;
    return offset < IMAGE_TABLE_BLOCK_BYTES && position <= table->size_bytes ? position : SIZE_MAX;
}
