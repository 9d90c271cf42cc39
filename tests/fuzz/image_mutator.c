/* image_mutator — what libFuzzer changes of an image, so that the change is met deep inside the reader.
 *
 * A changed byte of a compressed table, or one that no position fits any more, is refused at the door. So the tables are
 * unpacked, a field of the super block, an inode, a directory, a fragment, an owner or an export is changed, or what is in a
 * fragment block; then the tables are written again, stored or compressed, one behind the other, with their positions in the
 * super block and their indexes, and the checksum at the end. Every fourth change is libFuzzer's own, of bytes.
 */
#include "builder/codec/compressor.h"
#include "builder/reader/image_table.h"
#include "builder/reader/image_trailer.h"
#include "schema/base/little_endian.h"
#include "schema/base/own.h"
#include "tests/fuzz/fuzz.h"

#include <sqfs/predef.h>

#include <sys/mman.h>
#include <zlib.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

enum part { INODES, DIRECTORIES, FRAGMENTS, EXPORTS, IDS, PART_COUNT };

enum {
    STORED = 0x8000,
    STORED_DATA = 1 << 24,
    FRAGMENT_BYTES = 16,
    GROWTH = 4096, /* what a table may grow by */
};

/* Positions in the super block. */
enum { SUPER_BLOCK_BYTES = 12, SUPER_BLOCK_LOG = 22, SUPER_USED = 40, SUPER_ATTRIBUTES = 56 };
static const size_t super_positions[PART_COUNT] = { 64, 72, 80, 88, 48 };

struct part_bytes {
    unsigned char *bytes;
    size_t count;
    bool is_there;
};

struct picture {
    struct arena *arena;
    unsigned seed;
    struct image_file file;
    struct image_decoder decoder;
    unsigned char super[IMAGE_SUPER_BYTES];
    unsigned char *data; /* from behind the super block up to the inodes, and room for a block */
    size_t data_bytes;
    struct part_bytes parts[PART_COUNT];
    bool has_checksum;
    struct str record;
};

static unsigned random_below(struct picture *picture, size_t bound)
{
    picture->seed = picture->seed * 1103515245 + 12345;
    return bound ? (picture->seed >> 8) % (unsigned)bound : 0;
}

static void put_number(unsigned char *at, uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++)
        at[i] = (unsigned char)(number >> 8 * i);
}

static uint64_t get_number(const unsigned char *at, size_t width)
{
    uint64_t number = 0;
    for (size_t i = width; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

/* --- Taking it apart -------------------------------------------------------------------------------------- */

static void keep_part(struct picture *picture, enum part part, const struct image_table *table)
{
    unsigned char *bytes = arena_room(picture->arena, table->size_bytes + GROWTH);
    memcpy(bytes, table->bytes, table->size_bytes);
    picture->parts[part] = (struct part_bytes){ bytes, table->size_bytes, true };
}

static bool read_indexed(struct picture *picture, enum part part, uint64_t position, uint64_t size)
{
    struct error error;
    struct image_table table;
    struct image_range index = { position, picture->file.super.used_bytes, "table" };
    if (position == IMAGE_NO_TABLE || size == 0)
        return true;
    if (!image_table_read_indexed(&picture->decoder, &index, size, picture->arena, &table, &error))
        return false;
    keep_part(picture, part, &table);
    return true;
}

/* Where the blocks end that begin at `start`: at the first of an indexed table, or at the next table. */
static uint64_t end_of_directories(const struct picture *picture)
{
    const struct image_super *super = &picture->file.super;
    const uint64_t indexes[] = { super->fragment_table, super->export_table, super->id_table };
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        unsigned char bytes[8];
        struct error error;
        if (indexes[i] == IMAGE_NO_TABLE || (i == 0 && super->fragment_count == 0))
            continue;
        if (image_file_read(&picture->file, indexes[i], bytes, sizeof bytes, &error))
            return little_64(bytes);
    }
    return super->used_bytes;
}

static bool read_chain(struct picture *picture, enum part part, uint64_t start, uint64_t end)
{
    struct error error;
    struct image_table table;
    if (!image_table_read(&picture->decoder, (struct image_range){ start, end, "table" },
                          picture->arena, &table, &error))
        return false;
    keep_part(picture, part, &table);
    return true;
}

static bool take_apart(struct picture *picture, const uint8_t *data, int fd)
{
    struct error error;
    struct image_place place = { .fd = fd };
    if (!image_file_open(&place, picture->arena, &picture->file, &error) ||
        !image_decoder_make(&picture->file, picture->arena, &picture->decoder, &error))
        return false;
    const struct image_super *super = &picture->file.super;
    memcpy(picture->super, data, sizeof picture->super);
    picture->data_bytes = (size_t)super->inode_table - IMAGE_SUPER_BYTES;
    picture->data = arena_room(picture->arena, picture->data_bytes + IMAGE_BLOCK_MAX);
    memcpy(picture->data, data + IMAGE_SUPER_BYTES, picture->data_bytes);
    struct image_trailer trailer;
    if (!image_trailer_read(&picture->file, picture->arena, &trailer, &error))
        return false;
    picture->has_checksum = trailer.kind == IMAGE_TRAILER_CHECKSUM;
    picture->record = arena_copy(picture->arena, trailer.record);
    return read_chain(picture, INODES, super->inode_table, super->directory_table) &&
           read_chain(picture, DIRECTORIES, super->directory_table, end_of_directories(picture)) &&
           read_indexed(picture, FRAGMENTS, super->fragment_table,
                        (uint64_t)super->fragment_count * FRAGMENT_BYTES) &&
           read_indexed(picture, EXPORTS, super->export_table, (uint64_t)super->inode_count * 8) &&
           read_indexed(picture, IDS, super->id_table, (uint64_t)super->id_count * 4);
}

/* --- Changing it ------------------------------------------------------------------------------------------ */

/* Numbers that something may stumble over: near the old one, at bounds, or another of the same table. */
static uint64_t odd_number(struct picture *picture, uint64_t old, const struct part_bytes *part,
                           size_t width)
{
    switch (random_below(picture, 8)) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return old ^ (uint64_t)1 << random_below(picture, 8 * width);
    case 3:
        return random_below(picture, 64);
    case 4:
        return UINT64_MAX;
    case 5:
        return (uint64_t)1 << random_below(picture, 8 * width);
    case 6:
        return ((uint64_t)1 << random_below(picture, 8 * width)) - 1;
    default:
        return part->count < width
                   ? 0
                   : get_number(part->bytes + random_below(picture, part->count - width + 1),
                                width);
    }
}

static void change_field(struct picture *picture, struct part_bytes *part, size_t unit)
{
    size_t width = (size_t)2 << random_below(picture, unit > 4 ? 3 : 2);
    if (part->count < width)
        return;
    size_t at = random_below(picture, part->count - width + 1);
    at -= at % (unit < width ? unit : 2);
    put_number(part->bytes + at,
               odd_number(picture, get_number(part->bytes + at, width), part, width), width);
}

static void change_bytes(struct picture *picture, struct part_bytes *part)
{
    size_t room = part->count + (random_below(picture, 4) ? 0 : GROWTH / 4);
    if (part->count > 0)
        part->count = LLVMFuzzerMutate(part->bytes, part->count, room);
}

static void copy_bytes(struct picture *picture, struct part_bytes *part)
{
    size_t length = (size_t)8 << random_below(picture, 4);
    if (part->count < length)
        return;
    size_t from = random_below(picture, part->count - length + 1);
    size_t to = random_below(picture, part->count - length + 1);
    memmove(part->bytes + to, part->bytes + from, length);
}

/* What is in the block is changed, and stands at the end of the data as it is. */
static void change_fragment(struct picture *picture)
{
    const struct part_bytes *part = &picture->parts[FRAGMENTS];
    size_t count = part->count / FRAGMENT_BYTES;
    struct error error;
    if (count == 0)
        return;
    unsigned char *entry = part->bytes + FRAGMENT_BYTES * (size_t)random_below(picture, count);
    uint32_t word = little_32(entry + 8);
    struct image_block block = {
        .start = little_64(entry),
        .packed_bytes = word & (STORED_DATA - 1),
        .is_stored = word & STORED_DATA,
    };
    struct image_buffer buffer = { picture->data + picture->data_bytes,
                                   picture->file.super.block_bytes, 0 };
    if (!image_block_read(&picture->decoder, block, &buffer, &error))
        return;
    size_t size = LLVMFuzzerMutate(buffer.bytes, buffer.size_bytes, buffer.size_bytes);
    put_number(entry, IMAGE_SUPER_BYTES + picture->data_bytes, 8);
    put_number(entry + 8, size | STORED_DATA, 4);
    picture->data_bytes += size;
}

static void change_super(struct picture *picture)
{
    static const unsigned char fields[][2] = { { 4, 4 },  { 8, 4 },  { 16, 4 }, { 20, 2 },
                                               { 24, 2 }, { 26, 2 }, { 32, 8 }, { 56, 8 } };
    struct part_bytes super = { picture->super, sizeof picture->super, true };
    size_t which = random_below(picture, sizeof fields / sizeof *fields + 1);
    if (which == sizeof fields / sizeof *fields) {
        unsigned power = 12 + random_below(picture, 9);
        put_number(picture->super + SUPER_BLOCK_LOG, power, 2);
        put_number(picture->super + SUPER_BLOCK_BYTES, (uint64_t)1 << power, 4);
        return;
    }
    unsigned char *at = picture->super + fields[which][0];
    size_t width = fields[which][1];
    put_number(at, odd_number(picture, get_number(at, width), &super, width), width);
}

static void change(struct picture *picture)
{
    static const size_t units[PART_COUNT] = { 2, 2, 8, 8, 4 };
    enum part part = (enum part)(random_below(picture, 3) ? random_below(picture, 2)
                                                          : random_below(picture, PART_COUNT));
    switch (random_below(picture, 8)) {
    case 0:
        change_super(picture);
        return;
    case 1:
        change_fragment(picture);
        return;
    case 2:
        change_bytes(picture, &picture->parts[part]);
        return;
    case 3:
        copy_bytes(picture, &picture->parts[part]);
        return;
    default:
        change_field(picture, &picture->parts[part], units[part]);
        return;
    }
}

/* --- Putting it together ---------------------------------------------------------------------------------- */

struct output_bytes {
    uint8_t *bytes;
    size_t count, room;
};

static bool append(struct output_bytes *output, const void *bytes, size_t count)
{
    if (count > output->room - output->count)
        return false;
    memcpy(output->bytes + output->count, bytes, count);
    output->count += count;
    return true;
}

/* A block of a table; compressed if a compressor is given and it shrinks. */
static bool append_block(struct output_bytes *output, const unsigned char *bytes, size_t count,
                         sqfs_compressor_t *compressor)
{
    unsigned char packed[IMAGE_TABLE_BLOCK_BYTES], word[2];
    sqfs_s32 length =
        compressor ? compressor->do_block(compressor, bytes, (sqfs_u32)count, packed, sizeof packed)
                   : 0;
    put_number(word, length > 0 ? (uint64_t)length : count | STORED, sizeof word);
    return append(output, word, sizeof word) &&
           (length > 0 ? append(output, packed, (size_t)length) : append(output, bytes, count));
}

/* *ret_position is where the table is, or where its index is. */
static bool append_part(struct output_bytes *output, const struct part_bytes *part, bool is_indexed,
                        sqfs_compressor_t *compressor, uint64_t *ret_position)
{
    unsigned char index[8 * 64];
    size_t blocks = 0;
    *ret_position = output->count;
    for (size_t at = 0; at < part->count; at += IMAGE_TABLE_BLOCK_BYTES, blocks++) {
        size_t left = part->count - at;
        if (blocks == sizeof index / 8)
            return false;
        put_number(index + 8 * blocks, output->count, 8);
        if (!append_block(output, part->bytes + at,
                          left < IMAGE_TABLE_BLOCK_BYTES ? left : IMAGE_TABLE_BLOCK_BYTES,
                          compressor))
            return false;
    }
    if (!is_indexed)
        return true;
    *ret_position = output->count;
    return append(output, index, 8 * blocks);
}

/* Zeros up to the next 4 KiB, and the record and the checksum if there were any. */
static bool append_end(const struct picture *picture, struct output_bytes *output)
{
    static const uint8_t zeros[IMAGE_ALIGN_BYTES];
    size_t used = output->count;
    if (!picture->has_checksum)
        return append(output, zeros,
                      (IMAGE_ALIGN_BYTES - used % IMAGE_ALIGN_BYTES) % IMAGE_ALIGN_BYTES);
    uLong sum = crc32(0, output->bytes + IMAGE_SUPER_BYTES, (uInt)(used - IMAGE_SUPER_BYTES));
    sum = crc32(sum, output->bytes, IMAGE_SUPER_BYTES);
    struct str trailer = image_trailer_format(used, picture->record, (uint32_t)sum, picture->arena);
    return append(output, trailer.data, trailer.len);
}

static sqfs_compressor_t *choose_compressor(struct picture *picture)
{
    static const enum compression_kind kinds[] = { COMPRESSION_GZIP, COMPRESSION_LZ4,
                                                   COMPRESSION_XZ, COMPRESSION_ZSTD };
    struct error error;
    sqfs_compressor_t *compressor = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct compression compression = { kinds[i], 1 };
        if (picture->file.super.compression == (uint16_t)compressor_id(&compression) &&
            random_below(picture, 4) == 0)
            return compressor_make(&compression, IMAGE_TABLE_BLOCK_BYTES, &compressor, &error)
                       ? compressor
                       : NULL;
    }
    return NULL;
}

static bool put_together(struct picture *picture, struct output_bytes *output)
{
    sqfs_compressor_t *compressor = choose_compressor(picture);
    bool done = append(output, picture->super, sizeof picture->super) &&
                append(output, picture->data, picture->data_bytes);
    for (size_t i = 0; done && i < PART_COUNT; i++) {
        uint64_t position = IMAGE_NO_TABLE;
        if (picture->parts[i].is_there)
            done = append_part(output, &picture->parts[i], i > DIRECTORIES, compressor, &position);
        if (picture->parts[i].is_there || i != FRAGMENTS)
            put_number(output->bytes + super_positions[i], position, 8);
    }
    if (compressor)
        sqfs_destroy(compressor);
    if (!done)
        return false;
    put_number(output->bytes + SUPER_USED, output->count, 8);
    return append_end(picture, output);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    static int fd = -1;
    struct arena arena = fuzz_arena();
    struct picture picture = { .arena = &arena, .seed = seed, .decoder = IMAGE_DECODER_NONE };
    struct output_bytes output = { .room = room };
    if (fd < 0)
        fd = memfd_create("image", MFD_CLOEXEC);
    fuzz_must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
              "the image is written");
    if (random_below(&picture, 4) == 0 || !take_apart(&picture, data, fd)) {
        image_decoder_release(&picture.decoder);
        return LLVMFuzzerMutate(data, size, room);
    }
    for (unsigned changes = 1 + random_below(&picture, 3); changes > 0; changes--)
        change(&picture);
    output.bytes = arena_room(&arena, room);
    bool done = put_together(&picture, &output);
    image_decoder_release(&picture.decoder);
    if (!done)
        return LLVMFuzzerMutate(data, size, room);
    memcpy(data, output.bytes, output.count);
    return output.count;
}
