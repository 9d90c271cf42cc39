#include "schema/nix/record_reader.h"

#include "schema/nix/store_path.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How much of a file is in memory at a time; the limit of a line. Small enough for a CPU's
 * cache. */
enum { BUFFER_BYTES = 256 << 10 };

/* How many names are looked up together, and for how many numbers memory is taken at a time. */
enum { WAITING_MAX = 128, NUMBERS_ROOM = 16 << 10 };

/* A path whose name is to be looked up. */
struct waiting_name {
    struct str text;
    size_t line_number;
    uint32_t *ret_number;
};

struct record_reader record_reader_of_text(struct str text, struct str store_dir,
                                           struct arena *arena, struct path_list *list,
                                           struct error *error)
{
    return (struct record_reader){
        .rest = text,
        .file = { .fd = -1 },
        .store_dir = store_dir,
        .arena = arena,
        .list = list,
        .error = error,
        .waiting = arena_room(arena, WAITING_MAX * sizeof(struct waiting_name)),
        .named = list->count,
    };
}

void record_reader_follow(struct record_reader *reader, struct file file, size_t bytes_max)
{
    reader->file = file;
    reader->bytes_max = bytes_max;
    reader->offset = -1;
    reader->buffer = arena_room(reader->arena, BUFFER_BYTES);
    reader->rest = (struct str){ reader->buffer, 0 };
}

void record_reader_follow_piece(struct record_reader *reader, struct file file, off_t offset,
                                size_t size_bytes)
{
    assert(offset >= 0 && size_bytes > 0);
    record_reader_follow(reader, file, size_bytes);
    reader->offset = offset;
}

/* Returns what follows the store directory, which may still be illegal as a base name. If the text
 * does not begin with the store directory, returns the empty slice, which is in no table. */
static struct str likely_base(struct str text, struct str store_dir)
{
    struct str base;
    return store_path_strip(text, store_dir, &base) ? base : (struct str){ "", 0 };
}

/* Checks a path that was not found in the table, and adds its name. */
static bool add_name(struct record_reader *reader, const struct waiting_name *name,
                     uint32_t *ret_number)
{
    struct str base;
    if (!store_path_parse(name->text, reader->store_dir, &base, reader->error))
        return error_in(reader->error, "line %zu", name->line_number);
    *ret_number = name_table_add(&reader->list->names, base, reader->arena);
    return true;
}

/* Looks up the collected names. All names in the table are legal, so one that is found there need
 * not be checked. */
static bool take_names(struct record_reader *reader)
{
    struct str bases[WAITING_MAX];
    uint32_t numbers[WAITING_MAX];
    struct path_list *list = reader->list;
    assert(reader->waiting_count <= WAITING_MAX);
    for (size_t i = 0; i < reader->waiting_count; i++)
        bases[i] = likely_base(reader->waiting[i].text, reader->store_dir);
    name_table_find_all(&list->names, bases, reader->waiting_count, numbers);
    for (size_t i = 0; i < reader->waiting_count; i++) {
        const struct waiting_name *name = &reader->waiting[i];
        if (numbers[i] == NAME_NONE && !add_name(reader, name, &numbers[i])) {
            reader->refused = true;
            reader->failed = false;
            return false;
        }
        *name->ret_number = numbers[i];
    }
    reader->waiting_count = 0;
    for (; reader->named < list->count; reader->named++)
        list->items[reader->named].base = list->names.names[list->items[reader->named].name];
    return true;
}

/* Collects the path on the last line. */
static bool wait_for_name(struct record_reader *reader, struct str text, uint32_t *ret_number)
{
    assert(reader->waiting_count < WAITING_MAX);
    reader->waiting[reader->waiting_count++] =
        (struct waiting_name){ text, reader->line_number, ret_number };
    return reader->waiting_count < WAITING_MAX || take_names(reader);
}

static ssize_t read_some(struct record_reader *reader, char *target, size_t room)
{
    if (reader->offset < 0)
        return read(reader->file.fd, target, room);
    assert(reader->bytes_read <= reader->bytes_max);
    size_t left = reader->bytes_max - reader->bytes_read;
    ssize_t got = pread(reader->file.fd, target, left < room ? left : room, reader->offset);
    reader->offset += got > 0 ? got : 0;
    return got;
}

/* Reads more of the file, after the rest of what is in memory. The collected names are looked up
 * first, because they are slices of the buffer. Returns false at the end, and if reading fails. */
static bool read_more(struct record_reader *reader)
{
    ssize_t got;
    if (reader->file.fd < 0 || reader->failed || reader->refused || !take_names(reader))
        return false;
    assert(reader->rest.len <= BUFFER_BYTES);
    memmove(reader->buffer, reader->rest.data, reader->rest.len);
    reader->rest.data = reader->buffer;
    if (reader->rest.len == BUFFER_BYTES) {
        reader->failed = true;
        return error_set(reader->error, "load %s: line %zu is longer than %d bytes",
                         reader->file.name, reader->line_number + 1, BUFFER_BYTES - 1);
    }
    do
        got = read_some(reader, reader->buffer + reader->rest.len, BUFFER_BYTES - reader->rest.len);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        reader->failed = got < 0;
        return got < 0 && error_errno(reader->error, errno, "read %s", reader->file.name);
    }
    reader->rest.len += (size_t)got;
    reader->bytes_read += (size_t)got;
    reader->failed = reader->bytes_read > reader->bytes_max;
    return !reader->failed ||
           error_set(reader->error, "read %s: larger than the limit of %zu bytes",
                     reader->file.name, reader->bytes_max);
}

/* Takes the next line of what is in memory. */
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

/* Takes the next line, which is valid until the next call. Returns false if there is none, or only
 * one without '\n'. */
static bool take_line(struct record_reader *reader, struct str *ret_line)
{
    while (!next_line(reader, ret_line))
        if (!read_more(reader))
            return false;
    return true;
}

/* Sets the sentence that the text ends before `field`. */
static bool ends_early(const struct record_reader *reader, const char *field)
{
    if (reader->failed || reader->refused)
        return false;
    if (reader->rest.len > 0)
        return error_set(reader->error, "line %zu: the text ends inside this line, the %s",
                         reader->line_number + 1, field);
    return error_set(reader->error, "line %zu: the text ends where the %s is expected",
                     reader->line_number + 1, field);
}

/* Takes a line that must exist. */
bool record_reader_line(struct record_reader *reader, const char *field, struct str *ret_line)
{
    return take_line(reader, ret_line) || ends_early(reader, field);
}

bool record_reader_wrong(const struct record_reader *reader)
{
    return error_in(reader->error, "line %zu", reader->line_number);
}

bool record_reader_path(struct record_reader *reader, struct path_info **ret_item)
{
    struct str line;
    struct path_list *list = reader->list;
    if (!record_reader_line(reader, "path", &line))
        return false;
    if (list->count == PATH_COUNT_MAX)
        return error_set(reader->error, "line %zu: more than %d paths", reader->line_number,
                         PATH_COUNT_MAX);
    /* Items are about to be moved, and with them the places for their numbers. */
    if (list->count == list->capacity && !take_names(reader))
        return false;
    *ret_item = path_list_add(list, reader->arena);
    return wait_for_name(reader, line, &(*ret_item)->name);
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

/* Makes room for another number after the item's references. */
static bool make_room(struct record_reader *reader, struct path_info *item)
{
    if (reader->numbers_left > 0)
        return true;
    if (!take_names(reader))
        return false;
    size_t count = item->reference_count;
    size_t room = count < NUMBERS_ROOM / 2 ? NUMBERS_ROOM : 2 * count;
    uint32_t *numbers = arena_room(reader->arena, room * sizeof *numbers);
    if (count)
        memcpy(numbers, item->references, count * sizeof *numbers);
    item->references = numbers;
    reader->numbers = numbers + count;
    reader->numbers_left = room - count;
    return true;
}

/* Memory is taken for the references that follow, not for the count that is claimed. */
bool record_reader_references(struct record_reader *reader, struct path_info *item)
{
    uint64_t count;
    struct str line;
    if (!record_reader_number(reader, "reference count", REFERENCE_COUNT_MAX, &count))
        return false;
    assert(item->reference_count == 0);
    item->references = reader->numbers;
    for (; item->reference_count < count; item->reference_count++) {
        if (!record_reader_line(reader, "reference", &line) || !make_room(reader, item) ||
            !wait_for_name(reader, line, reader->numbers++))
            return false;
        assert(reader->numbers_left > 0);
        reader->numbers_left--;
    }
    return true;
}

bool record_reader_more(struct record_reader *reader)
{
    return !reader->failed && !reader->refused && (reader->rest.len > 0 || read_more(reader));
}

bool record_reader_end(struct record_reader *reader, bool complete)
{
    return !reader->refused && take_names(reader) && complete;
}
