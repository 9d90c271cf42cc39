#include "schema/manifest.h"

#include "schema/store_path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What of a file is in memory at a time, which no line may exceed. Small enough to stay in a
 * processor's cache. */
enum { BUFFER_BYTES = 256 << 10, REFERENCE_BATCH = 64 };

/* A cursor over the lines of a manifest, and where they go. */
struct parser {
    struct str rest;    /* of what is in memory */
    size_t line_number; /* of the line that was taken last, from 1 */

    int fd; /* where more of the text comes from; -1: there is no more */
    const char *name;
    char *buffer;
    size_t bytes_read;
    bool failed; /* to read; the sentence is made */

    uint32_t *numbers; /* a record's references while they are read */
    size_t number_capacity;

    struct str store_dir;
    struct arena *arena;
    struct path_list *list;
    struct error *error;
};

/* Reads on, behind the rest. False at the end, and where reading fails. */
static bool read_more(struct parser *parser)
{
    ssize_t got;
    if (parser->fd < 0 || parser->failed)
        return false;
    memmove(parser->buffer, parser->rest.data, parser->rest.len);
    parser->rest.data = parser->buffer;
    if (parser->rest.len == BUFFER_BYTES) {
        parser->failed = true;
        return error_set(parser->error, "load %s: line %zu is longer than %d bytes", parser->name,
                         parser->line_number + 1, BUFFER_BYTES - 1);
    }
    do
        got = read(parser->fd, parser->buffer + parser->rest.len, BUFFER_BYTES - parser->rest.len);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        parser->failed = got < 0;
        return got < 0 && error_errno(parser->error, errno, "read %s", parser->name);
    }
    parser->rest.len += (size_t)got;
    parser->bytes_read += (size_t)got;
    parser->failed = parser->bytes_read > manifest_bytes_max;
    return !parser->failed ||
           error_set(parser->error, "read %s: larger than the limit of %zu bytes", parser->name,
                     manifest_bytes_max);
}

/* Takes the next line off what is in memory. */
static bool next_line(struct parser *parser, struct str *ret_line)
{
    struct cut cut = str_cut(parser->rest, '\n');
    if (!cut.found)
        return false;
    parser->rest = cut.tail;
    parser->line_number++;
    *ret_line = cut.head;
    return true;
}

/* Takes the next line off, which is there until the next call; false if there is none, or only one
 * without its '\n'. */
static bool take_line(struct parser *parser, struct str *ret_line)
{
    while (!next_line(parser, ret_line))
        if (!read_more(parser))
            return false;
    return true;
}

/* `field` names what the text lacks in the sentence. */
static bool ends_early(const struct parser *parser, const char *field)
{
    if (parser->failed)
        return false;
    if (parser->rest.len > 0)
        return error_set(parser->error, "line %zu: the text ends inside this line, the %s",
                         parser->line_number + 1, field);
    return error_set(parser->error, "line %zu: the text ends where the %s is expected",
                     parser->line_number + 1, field);
}

/* Takes a line that has to be there. */
static bool take_field(struct parser *parser, const char *field, struct str *ret_line)
{
    return take_line(parser, ret_line) || ends_early(parser, field);
}

static bool on_line(const struct parser *parser)
{
    return error_in(parser->error, "line %zu", parser->line_number);
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
static bool add_path(struct parser *parser, struct str text, size_t line, uint32_t *ret_number)
{
    struct str base;
    if (!store_path_parse(text, parser->store_dir, &base, parser->error))
        return error_in(parser->error, "line %zu", line);
    *ret_number = name_table_add(&parser->list->names, base, parser->arena);
    return true;
}

/* Names are legal, so what is found among them need not be checked. */
static bool take_path(struct parser *parser, uint32_t *ret_number)
{
    struct str line;
    if (!take_field(parser, "path", &line))
        return false;
    *ret_number = name_table_find(&parser->list->names, likely_base(line, parser->store_dir));
    return *ret_number != NAME_NONE || add_path(parser, line, parser->line_number, ret_number);
}

static bool take_number(struct parser *parser, const char *field, uint64_t max,
                        uint64_t *ret_number)
{
    struct str line;
    if (!take_field(parser, field, &line))
        return false;
    if (str_to_number(line, max, ret_number))
        return true;
    return error_set(parser->error, "line %zu: %s '%.*s' is not a number from 0 to %llu",
                     parser->line_number, field, STR_SHOWN(line), (unsigned long long)max);
}

static bool take_deriver(struct parser *parser, struct str *ret_base)
{
    struct str line;
    if (!take_field(parser, "deriver", &line))
        return false;
    *ret_base = (struct str){ 0 };
    if (line.len == 0)
        return true;
    if (!store_path_parse(line, parser->store_dir, ret_base, parser->error))
        return on_line(parser);
    *ret_base = arena_copy(parser->arena, *ret_base);
    return true;
}

/* Takes up to `wanted` references, as many as are in memory but one at least, so that they are looked
 * up together. */
static bool take_some_references(struct parser *parser, size_t wanted, uint32_t *ret_numbers,
                                 size_t *ret_count)
{
    struct str lines[REFERENCE_BATCH], bases[REFERENCE_BATCH];
    size_t count = 0, before = parser->line_number;
    if (!take_field(parser, "reference", &lines[count++]))
        return false;
    while (count < wanted && count < REFERENCE_BATCH && next_line(parser, &lines[count]))
        count++;
    for (size_t i = 0; i < count; i++)
        bases[i] = likely_base(lines[i], parser->store_dir);
    name_table_find_all(&parser->list->names, bases, count, ret_numbers);
    for (size_t i = 0; i < count; i++)
        if (ret_numbers[i] == NAME_NONE &&
            !add_path(parser, lines[i], before + i + 1, &ret_numbers[i]))
            return false;
    *ret_count = count;
    return true;
}

/* The count is believed as far as references follow. */
static bool take_references(struct parser *parser, struct path_info *info)
{
    uint64_t count;
    if (!take_number(parser, "reference count", REFERENCE_COUNT_MAX, &count))
        return false;
    for (size_t done = 0, taken; done < count; done += taken) {
        while (done + REFERENCE_BATCH > parser->number_capacity)
            parser->numbers = arena_grow(parser->arena, parser->numbers, parser->number_capacity,
                                         &parser->number_capacity, sizeof *parser->numbers);
        if (!take_some_references(parser, count - done, parser->numbers + done, &taken))
            return false;
    }
    info->reference_count = (size_t)count;
    info->references = arena_room(parser->arena, (size_t)count * sizeof *info->references);
    if (count)
        memcpy(info->references, parser->numbers, (size_t)count * sizeof *info->references);
    return true;
}

static bool take_record(struct parser *parser)
{
    struct path_info info = { 0 };
    struct str hash;
    if (!take_path(parser, &info.name) || !take_field(parser, "hash", &hash))
        return false;
    if (!hash_parse(hash, &info.nar_hash, parser->error))
        return on_line(parser);
    if (!take_number(parser, "size", INT64_MAX, &info.nar_size_bytes) ||
        !take_deriver(parser, &info.deriver) || !take_references(parser, &info))
        return false;
    info.base = parser->list->names.names[info.name];
    *path_list_add(parser->list, parser->arena) = info;
    return true;
}

static bool take_records(struct parser *parser)
{
    while (parser->rest.len > 0 || read_more(parser)) {
        if (parser->list->count == PATH_COUNT_MAX)
            return error_set(parser->error, "line %zu: more than %d paths", parser->line_number + 1,
                             PATH_COUNT_MAX);
        if (!take_record(parser))
            return false;
    }
    return !parser->failed;
}

bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                    struct path_list *list, struct error *error)
{
    struct parser parser = {
        .rest = text,
        .fd = -1,
        .store_dir = store_dir,
        .arena = arena,
        .list = list,
        .error = error,
    };
    return take_records(&parser);
}

bool manifest_read(int fd, const char *name, struct str store_dir, struct arena *arena,
                   struct path_list *list, struct error *error)
{
    struct parser parser = {
        .fd = fd,
        .name = name,
        .buffer = arena_room(arena, BUFFER_BYTES),
        .store_dir = store_dir,
        .arena = arena,
        .list = list,
        .error = error,
    };
    parser.rest.data = parser.buffer;
    if (take_records(&parser))
        return true;
    return !parser.failed && error_in(error, "load %s", name);
}

static void write_path(FILE *stream, struct str store_dir, struct str base)
{
    fwrite(store_dir.data, 1, store_dir.len, stream);
    fputc('/', stream);
    fwrite(base.data, 1, base.len, stream);
    fputc('\n', stream);
}

void manifest_write(FILE *stream, const struct path_list *list, struct str store_dir)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        char hex[HASH_HEX_LENGTH];
        hash_format_hex(info->nar_hash.bytes, HASH_BYTES, hex);
        write_path(stream, store_dir, info->base);
        fprintf(stream, "%.*s\n%llu\n", HASH_HEX_LENGTH, hex,
                (unsigned long long)info->nar_size_bytes);
        if (info->deriver.len > 0)
            write_path(stream, store_dir, info->deriver);
        else
            fputc('\n', stream);
        fprintf(stream, "%zu\n", info->reference_count);
        for (size_t j = 0; j < info->reference_count; j++)
            write_path(stream, store_dir, list->names.names[info->references[j]]);
    }
}
