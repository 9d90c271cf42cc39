#include "builder/reader/image_table.h"

#include "schema/base/little_endian.h"

#include <assert.h>

enum { STORED_BIT = 0x8000 };

/* Memory for one block of a table: its unpacked bytes and its position. */
static const uint64_t table_block_memory = IMAGE_TABLE_BLOCK_BYTES + sizeof(uint64_t);

/* More than a table of IMAGE_TABLE_MAX takes in any image. */
static const uint64_t packed_max = (uint64_t)IMAGE_TABLE_MAX + IMAGE_TABLE_MAX / 64;

static bool damaged_table(const struct image_range *range, const char *cause, struct error *error)
{
    return error_set(error, "damaged %s: %s", range->what, cause);
}

/* Counts the blocks of a table. The last block must end where the table ends. */
static bool count_blocks(const unsigned char *packed, const struct image_range *range,
                         size_t *ret_count, struct error *error)
{
    size_t count = 0, size = (size_t)(range->end - range->start);
    for (size_t at = 0; at < size; count++) {
        if (size - at < 2)
            return damaged_table(range, "it ends inside a block's length", error);
        size_t length = little_16(packed + at) & (STORED_BIT - 1);
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

/* All blocks except the last must be full. Then a position divided by the block size gives the
 * block's number. */
static bool unpack_blocks(struct image_decoder *decoder, const unsigned char *packed,
                          unsigned char *bytes, struct image_table *table, struct error *error)
{
    uint64_t at = 0;
    for (size_t i = 0; i < table->block_count; i++) {
        assert(at + 2 <= table->range.end - table->range.start); /* count_blocks has seen it */
        uint16_t word = little_16(packed + at);
        struct image_block block = {
            .start = table->range.start + at,
            .packed_bytes = word & (STORED_BIT - 1),
            .is_stored = word & STORED_BIT,
        };
        struct image_buffer buffer = { bytes + table->size_bytes, IMAGE_TABLE_BLOCK_BYTES, 0 };
        table->block_positions[i] = at;
        if (!image_block_unpack(decoder, packed + at + 2, block, &buffer, error))
            return error_in(error, "damaged %s", table->range.what);
        if (buffer.size_bytes < IMAGE_TABLE_BLOCK_BYTES && i + 1 < table->block_count)
            return damaged_table(&table->range, "a block within it is not full", error);
        assert(buffer.size_bytes <= IMAGE_TABLE_BLOCK_BYTES);
        table->size_bytes += buffer.size_bytes;
        at += 2 + block.packed_bytes;
    }
    assert(at == table->range.end - table->range.start);
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

/* The index must have the position of each block. */
static bool check_index(const unsigned char *index, const struct image_table *table,
                        struct error *error)
{
    for (size_t i = 0; i < table->block_count; i++)
        if (little_64(index + 8 * i) != table->range.start + table->block_positions[i])
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
    struct image_range range = { little_64(bytes), index->start, index->what };
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
    assert(low <= table->block_count); /* the last position is that of the end */
    if (table->block_positions[low] != block)
        return SIZE_MAX;
    if (low == table->block_count)
        return offset == 0 && table->size_bytes % IMAGE_TABLE_BLOCK_BYTES == 0 ? table->size_bytes
                                                                               : SIZE_MAX;
    size_t position = low * IMAGE_TABLE_BLOCK_BYTES + offset;
    return offset < IMAGE_TABLE_BLOCK_BYTES && position <= table->size_bytes ? position : SIZE_MAX;
}
