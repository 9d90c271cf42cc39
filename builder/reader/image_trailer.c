#include "builder/reader/image_trailer.h"

#include "schema/base/little_endian.h"

#include <libdeflate.h>

#include <assert.h>
#include <endian.h>
#include <string.h>

static size_t to_boundary(uint64_t used_bytes)
{
    return (size_t)((IMAGE_ALIGN_BYTES - used_bytes % IMAGE_ALIGN_BYTES) % IMAGE_ALIGN_BYTES);
}

static size_t line_bytes(size_t record_bytes)
{
    return record_bytes ? STR(IMAGE_TRAILER_RECORD).len + record_bytes + 1 : 0;
}

size_t image_trailer_bytes(uint64_t used_bytes, size_t record_bytes)
{
    size_t room = to_boundary(used_bytes);
    if (room < line_bytes(record_bytes) + IMAGE_TRAILER_CHECKSUM_BYTES)
        room += IMAGE_ALIGN_BYTES;
    return room;
}

/* libdeflate_crc32 starts a new checksum if it is given a null pointer. */
static uint32_t checksum_with(uint32_t checksum, struct str line)
{
    return line.len ? libdeflate_crc32(checksum, line.data, line.len) : checksum;
}

struct str image_trailer_format(uint64_t used_bytes, struct str record, uint32_t checksum,
                                struct arena *arena)
{
    assert(record.len <= BLOCK_RECORD_MAX);
    size_t size = image_trailer_bytes(used_bytes, record.len);
    char *bytes = arena_new(arena, char, size);
    char *sum = bytes + size - sizeof checksum;
    char *magic = sum - IMAGE_TRAILER_MAGIC_BYTES;
    struct str line = record.len
                          ? arena_format(arena, IMAGE_TRAILER_RECORD "%.*s\n", STR_ARG(record))
                          : (struct str){ 0 };
    checksum = htole32(checksum_with(checksum, line));
    if (line.len)
        memcpy(magic - line.len, line.data, line.len);
    memcpy(magic, IMAGE_TRAILER_MAGIC, IMAGE_TRAILER_MAGIC_BYTES);
    memcpy(sum, &checksum, sizeof checksum);
    return (struct str){ bytes, size };
}

static bool is_zero(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '\0')
            return false;
    return true;
}

static bool is_record(struct str record)
{
    for (size_t i = 0; i < record.len; i++)
        if (record.data[i] < ' ' || record.data[i] > '~')
            return false;
    return record.len > 0 && record.len <= BLOCK_RECORD_MAX;
}

/* Finds the record after the zeros. Returns false if there is anything else. */
static bool take_record(struct str text, struct image_trailer *trailer)
{
    size_t start = text.len;
    while (start > 0 && text.data[start - 1] != '\0')
        start--;
    struct str line = str_skip(text, start);
    text.len = start;
    if (!is_zero(text))
        return false;
    if (line.len == 0)
        return true;
    if (!str_starts(line, STR(IMAGE_TRAILER_RECORD)) || !str_ends(line, STR("\n")))
        return false;
    trailer->line = line;
    trailer->record = str_skip(line, STR(IMAGE_TRAILER_RECORD).len);
    trailer->record.len--;
    return is_record(trailer->record);
}

struct image_trailer image_trailer_parse(struct str text)
{
    struct image_trailer trailer = { .kind = IMAGE_TRAILER_CHECKSUM };
    if (is_zero(text))
        return (struct image_trailer){ .kind = IMAGE_TRAILER_ZEROS };
    if (text.len < IMAGE_TRAILER_CHECKSUM_BYTES)
        return (struct image_trailer){ .kind = IMAGE_TRAILER_UNKNOWN };
    struct str end = str_skip(text, text.len - IMAGE_TRAILER_CHECKSUM_BYTES);
    text.len -= IMAGE_TRAILER_CHECKSUM_BYTES;
    if (!str_starts(end, STR(IMAGE_TRAILER_MAGIC)) || !take_record(text, &trailer))
        return (struct image_trailer){ .kind = IMAGE_TRAILER_UNKNOWN };
    trailer.checksum = little_32((const unsigned char *)end.data + IMAGE_TRAILER_MAGIC_BYTES);
    return trailer;
}

uint32_t image_trailer_checksum(const struct image_trailer *trailer, uint32_t checksum)
{
    return checksum_with(checksum, trailer->line);
}

bool image_trailer_read(const struct image_file *file, struct arena *arena,
                        struct image_trailer *ret_trailer, struct error *error)
{
    uint64_t used = file->super.used_bytes, size = file->size_bytes - used;
    if (size > IMAGE_TRAILER_MAX) {
        *ret_trailer = (struct image_trailer){ .kind = IMAGE_TRAILER_UNKNOWN };
        return true;
    }
    char *bytes = arena_room(arena, (size_t)size + 1); /* the size may be 0 */
    if (!image_file_read(file, used, bytes, (size_t)size, error))
        return false;
    *ret_trailer = image_trailer_parse((struct str){ bytes, (size_t)size });
    return true;
}
