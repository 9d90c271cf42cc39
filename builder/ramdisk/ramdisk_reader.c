#include "builder/ramdisk/ramdisk_reader.h"

#include <assert.h>
#include <string.h>

bool ramdisk_reader_open(struct ramdisk_reader *reader, struct file file, uint64_t offset,
                         struct budget *contents, struct error *error)
{
    char first = '\0';
    size_t got;
    *reader = (struct ramdisk_reader){ .file = file, .next = offset, .contents = contents };
    if (!file_read_at(file, &first, 1, offset, &got, error))
        return false;
    reader->is_packed = first != '0';
    return !reader->is_packed || unpacker_open(&reader->unpacker, file, offset, error);
}

/* The wanted text may be split between two reads. So the end of what was read is kept: one byte
 * less than the text has. */
static size_t keep_tail(struct ramdisk_reader *reader)
{
    size_t kept = reader->wanted.len > 0 ? reader->wanted.len - 1 : 0;
    if (kept > reader->count)
        kept = reader->count;
    memmove(reader->bytes, reader->bytes + reader->count - kept, kept);
    return kept;
}

/* Makes sure that the buffer has at least one byte, except at the end of the stream. */
static bool fill(struct ramdisk_reader *reader, struct error *error)
{
    assert(reader->used <= reader->count && reader->count <= sizeof reader->bytes);
    if (reader->used < reader->count)
        return true;
    size_t got = 0, kept = keep_tail(reader), room = sizeof reader->bytes - kept;
    assert(room > 0);
    reader->used = reader->count = kept;
    if (!reader->is_packed) {
        if (!file_read_at(reader->file, reader->bytes + kept, room, reader->next, &got, error))
            return false;
        reader->next += got;
    } else if (!unpacker_read(&reader->unpacker, reader->bytes + kept, room, &got, error)) {
        return false;
    }
    reader->count += got;
    if (reader->wanted.len > 0 &&
        memmem(reader->bytes, reader->count, reader->wanted.data, reader->wanted.len))
        reader->has_wanted = true;
    return budget_spend(reader->contents, got, error);
}

/* Takes at least one and up to `count` bytes, or none at the end of the stream. */
static bool take_some(struct ramdisk_reader *reader, uint64_t count, struct str *ret_bytes,
                      struct error *error)
{
    assert(count > 0);
    if (!fill(reader, error))
        return false;
    size_t there = reader->count - reader->used;
    struct str bytes = { reader->bytes + reader->used, count < there ? (size_t)count : there };
    reader->used += bytes.len;
    reader->offset += bytes.len;
    *ret_bytes = bytes;
    return true;
}

/* Takes `count` bytes, or fewer if the stream ends. */
static bool take(struct ramdisk_reader *reader, char *bytes, size_t count, size_t *ret_count,
                 struct error *error)
{
    struct str some = { NULL, 1 };
    size_t got = 0;
    while (got < count && some.len > 0) {
        if (!take_some(reader, count - got, &some, error))
            return false;
        memcpy(bytes + got, some.data, some.len);
        got += some.len;
    }
    *ret_count = got;
    return true;
}

bool ramdisk_reader_copy(struct ramdisk_reader *reader, uint64_t size_bytes, int fd,
                         struct error *error)
{
    uint64_t padding = newc_padding(size_bytes);
    for (uint64_t left = size_bytes + padding; left > 0;) {
        struct str some;
        uint64_t wanted = left > padding ? left - padding : left;
        if (!take_some(reader, wanted, &some, error))
            return false;
        if (some.len == 0)
            return error_set(error, "it ends within a member");
        if (fd >= 0 && left > padding &&
            !file_write((struct file){ fd, "a temporary file" }, some.data, some.len, error))
            return false;
        left -= some.len;
    }
    return true;
}

bool ramdisk_reader_next(struct ramdisk_reader *reader, struct newc_header *ret_header,
                         char name[static NEWC_NAME_MAX], struct error *error)
{
    char header[NEWC_HEADER_BYTES], zeros[NEWC_ALIGN_BYTES];
    size_t got, behind = 0;
    name[0] = '\0';
    if (!take(reader, header, sizeof header, &got, error))
        return false;
    if (got == 0)
        return true;
    if (got < sizeof header || !newc_parse(header, ret_header))
        return error_set(error, "it is not a newc archive");
    size_t bytes = ret_header->name_bytes;
    assert(bytes > 0 && bytes <= NEWC_NAME_MAX);
    size_t padding = newc_padding(sizeof header + bytes);
    if (!take(reader, name, bytes, &got, error))
        return false;
    if (!take(reader, zeros, padding, &behind, error))
        return false;
    if (got < bytes || behind < padding)
        return error_set(error, "it ends within a member");
    if (name[bytes - 1] != '\0' || name[0] == '\0')
        return error_set(error, "a member has no name");
    if (strcmp(name, NEWC_TRAILER_NAME) == 0)
        name[0] = '\0';
    return true;
}

bool ramdisk_reader_skip_zeros(struct ramdisk_reader *reader, bool *ret_more, struct error *error)
{
    for (;;) {
        if (!fill(reader, error))
            return false;
        *ret_more = reader->used < reader->count;
        if (!*ret_more || reader->bytes[reader->used] != '\0')
            return true;
        reader->used++;
        reader->offset++;
    }
}

uint64_t ramdisk_reader_end(const struct ramdisk_reader *reader)
{
    return reader->is_packed ? unpacker_end(&reader->unpacker)
                             : reader->next - (reader->count - reader->used);
}

void ramdisk_reader_close(struct ramdisk_reader *reader)
{
    if (reader->is_packed)
        unpacker_close(&reader->unpacker);
}
