#include "schema/record_reader.h"

#include "schema/store_path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What of a file is in memory at a time, which no line may exceed. Small enough to stay in a
 * processor's cache. */
enum { BUFFER_BYTES = 256 << 10, REFERENCE_BATCH = 64 };

struct record_reader record_reader_of_text(struct str text, struct str store_dir,
                                           struct arena *arena, struct path_list *list,
                                           struct error *error)
{
    return (struct record_reader){
        .rest = text,
        .fd = -1,
        .store_dir = store_dir,
        .arena = arena,
        .list = list,
        .error = error,
    };
}

void record_reader_follow(struct record_reader *reader, int fd, const char *name, size_t bytes_max)
{
    reader->fd = fd;
    reader->name = name;
    reader->bytes_max = bytes_max;
    reader->buffer = arena_room(reader->arena, BUFFER_BYTES);
    reader->rest = (struct str){ reader->buffer, 0 };
}

/* Reads on, behind the rest. False at the end, and where reading fails. */
static bool read_more(struct record_reader *reader)
{
    ssize_t got;
    if (reader->fd < 0 || reader->failed)
        return false;
    memmove(reader->buffer, reader->rest.data, reader->rest.len);
    reader->rest.data = reader->buffer;
    if (reader->rest.len == BUFFER_BYTES) {
        reader->failed = true;
        return error_set(reader->error, "load %s: line %zu is longer than %d bytes", reader->name,
                         reader->line_number + 1, BUFFER_BYTES - 1);
    }
    do
        got = read(reader->fd, reader->buffer + reader->rest.len, BUFFER_BYTES - reader->rest.len);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        reader->failed = got < 0;
        return got < 0 && error_errno(reader->error, errno, "read %s", reader->name);
    }
    reader->rest.len += (size_t)got;
    reader->bytes_read += (size_t)got;
    reader->failed = reader->bytes_read > reader->bytes_max;
    return !reader->failed ||
           error_set(reader->error, "read %s: larger than the limit of %zu bytes", reader->name,
                     reader->bytes_max);
}

/* Takes the next line off what is in memory. */
static bool next_line(struct record_reader *reader, struct str *ret_line)
{
    struct cut cut = str_cut(reader->rest, '\n');
    if (!cut.found)
        return false;
    reader->rest = cut.tail;
    reader->line_number++;
    *ret_line = cut.head;
    return true;
}

/* Takes the next line off, which is there until the next call; false if there is none, or only one
 * without its '\n'. */
static bool take_line(struct record_reader *reader, struct str *ret_line)
{
    while (!next_line(reader, ret_line))
        if (!read_more(reader))
            return false;
    return true;
}

/* `field` names what the text lacks in the sentence. */
static bool ends_early(const struct record_reader *reader, const char *field)
{
    if (reader->failed)
        return false;
    if (reader->rest.len > 0)
        return error_set(reader->error, "line %zu: the text ends inside this line, the %s",
                         reader->line_number + 1, field);
    return error_set(reader->error, "line %zu: the text ends where the %s is expected",
                     reader->line_number + 1, field);
}

/* Takes a line that has to be there. */
bool record_reader_line(struct record_reader *reader, const char *field, struct str *ret_line)
{
    return take_line(reader, ret_line) || ends_early(reader, field);
}

bool record_reader_wrong(const struct record_reader *reader)
{
    return error_in(reader->error, "line %zu", reader->line_number);
}

/* The base name, if the text is one behind the store directory; else the empty slice, which is no
 * name. It may be illegal still. */
static struct str likely_base(struct str text, struct str store_dir)
{
    bool likely =
        text.len > store_dir.len && text.data[store_dir.len] == '/' && str_starts(text, store_dir);
    return likely ? str_skip(text, store_dir.len + 1) : (struct str){ "", 0 };
}

/* Adds a path that is not among the names yet, as far as it looks. */
static bool add_path(struct record_reader *reader, struct str text, size_t line,
                     uint32_t *ret_number)
{
    struct str base;
    if (!store_path_parse(text, reader->store_dir, &base, reader->error))
        return error_in(reader->error, "line %zu", line);
    *ret_number = name_table_add(&reader->list->names, base, reader->arena);
    return true;
}

/* Names are legal, so what is found among them need not be checked. */
bool record_reader_path(struct record_reader *reader, uint32_t *ret_name)
{
    struct str line;
    if (!record_reader_line(reader, "path", &line))
        return false;
    *ret_name = name_table_find(&reader->list->names, likely_base(line, reader->store_dir));
    return *ret_name != NAME_NONE || add_path(reader, line, reader->line_number, ret_name);
}

bool record_reader_number(struct record_reader *reader, const char *field, uint64_t max,
                          uint64_t *ret_number)
{
    struct str line;
    if (!record_reader_line(reader, field, &line))
        return false;
    if (str_to_number(line, max, ret_number))
        return true;
    return error_set(reader->error, "line %zu: %s '%.*s' is not a number from 0 to %llu",
                     reader->line_number, field, STR_SHOWN(line), (unsigned long long)max);
}

bool record_reader_deriver(struct record_reader *reader, struct str *ret_base)
{
    struct str line;
    if (!record_reader_line(reader, "deriver", &line))
        return false;
    *ret_base = (struct str){ 0 };
    if (line.len == 0)
        return true;
    if (!store_path_parse(line, reader->store_dir, ret_base, reader->error))
        return record_reader_wrong(reader);
    *ret_base = arena_copy(reader->arena, *ret_base);
    return true;
}

/* Takes up to `wanted` references, as many as are in memory but one at least, so that they are looked
 * up together. */
static bool take_some_references(struct record_reader *reader, size_t wanted, uint32_t *ret_numbers,
                                 size_t *ret_count)
{
    struct str lines[REFERENCE_BATCH], bases[REFERENCE_BATCH];
    size_t count = 0, before = reader->line_number;
    if (!record_reader_line(reader, "reference", &lines[count++]))
        return false;
    while (count < wanted && count < REFERENCE_BATCH && next_line(reader, &lines[count]))
        count++;
    for (size_t i = 0; i < count; i++)
        bases[i] = likely_base(lines[i], reader->store_dir);
    name_table_find_all(&reader->list->names, bases, count, ret_numbers);
    for (size_t i = 0; i < count; i++)
        if (ret_numbers[i] == NAME_NONE &&
            !add_path(reader, lines[i], before + i + 1, &ret_numbers[i]))
            return false;
    *ret_count = count;
    return true;
}

/* The count is believed as far as references follow. */
bool record_reader_references(struct record_reader *reader, struct path_info *info)
{
    uint64_t count;
    if (!record_reader_number(reader, "reference count", REFERENCE_COUNT_MAX, &count))
        return false;
    for (size_t done = 0, taken; done < count; done += taken) {
        while (done + REFERENCE_BATCH > reader->number_capacity)
            reader->numbers = arena_grow(reader->arena, reader->numbers, reader->number_capacity,
                                         &reader->number_capacity, sizeof *reader->numbers);
        if (!take_some_references(reader, count - done, reader->numbers + done, &taken))
            return false;
    }
    info->reference_count = (size_t)count;
    info->references = arena_room(reader->arena, (size_t)count * sizeof *info->references);
    if (count)
        memcpy(info->references, reader->numbers, (size_t)count * sizeof *info->references);
    return true;
}

bool record_reader_more(struct record_reader *reader)
{
    return reader->rest.len > 0 || read_more(reader);
}

bool record_reader_add(struct record_reader *reader, const struct path_info *info)
{
    if (reader->list->count == PATH_COUNT_MAX)
        return error_set(reader->error, "line %zu: more than %d paths", reader->line_number,
                         PATH_COUNT_MAX);
    struct path_info *item = path_list_add(reader->list, reader->arena);
    *item = *info;
    item->base = reader->list->names.names[info->name];
    return true;
}
