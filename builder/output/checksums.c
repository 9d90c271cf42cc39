#include "builder/output/checksums.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_AT = HASH_HEX_LENGTH + 2, COMPONENT_MAX = 255 };

/* Is it one component of a name? */
static bool is_component(struct str name)
{
    bool is_plain = name.len > 0 && name.len <= COMPONENT_MAX && name.data[0] != '.';
    for (size_t i = 0; i < name.len && is_plain; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        is_plain = byte >= ' ' && byte != 0x7f && byte != '/' && byte != '\\';
    }
    return is_plain;
}

bool checksums_is_name(struct str name)
{
    struct cut cut = { .tail = name, .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '/');
        if (!is_component(cut.head))
            return false;
    }
    return name.len <= CHECKSUMS_NAME_MAX;
}

static bool is_digest(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789abcdef", text.data[i], 16))
            return false;
    return true;
}

static bool parse_line(struct str line, struct arena *arena, struct checksum *checksum,
                       struct error *error)
{
    struct str digest = { line.data, HASH_HEX_LENGTH };
    bool has_shape = line.len > NAME_AT && is_digest(digest) && line.data[HASH_HEX_LENGTH] == ' ' &&
                     (line.data[NAME_AT - 1] == ' ' || line.data[NAME_AT - 1] == '*') &&
                     checksums_is_name(str_skip(line, NAME_AT));
    if (!has_shape)
        return error_set(error, "expected a SHA-256 in lower case, two spaces and a plain name");
    checksum->name = arena_copy(arena, str_skip(line, NAME_AT)).data;
    return hash_parse(digest, &checksum->hash, error);
}

static int compare_names(const void *left, const void *right)
{
    const struct checksum *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->line_number > b->line_number) - (a->line_number < b->line_number);
}

static bool sort_names(struct checksums *checksums, struct error *error)
{
    qsort(checksums->items, checksums->count, sizeof *checksums->items, compare_names);
    for (size_t i = 1; i < checksums->count; i++) {
        const struct checksum *before = &checksums->items[i - 1], *item = &checksums->items[i];
        if (strcmp(before->name, item->name) == 0)
            return error_set(error, "line %zu: '%s' is already listed on line %zu",
                             item->line_number, item->name, before->line_number);
    }
    return true;
}

bool checksums_parse(struct str text, struct arena *arena, struct checksums *ret_checksums,
                     struct error *error)
{
    struct checksums checksums = { .count = 0 };
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    if (text.len == 0)
        return error_set(error, "it lists no file");
    checksums.items = arena_new(arena, struct checksum, lines);
    for (struct str rest = text; rest.len > 0;) {
        struct cut cut = str_cut(rest, '\n');
        size_t number = checksums.count + 1;
        if (!cut.found)
            return error_set(error, "line %zu: the line feed at its end is missing", number);
        struct checksum *item = &checksums.items[checksums.count++];
        item->line_number = number;
        if (!parse_line(cut.head, arena, item, error))
            return error_in(error, "line %zu", number);
        rest = cut.tail;
    }
    assert(checksums.count == lines);
    if (!sort_names(&checksums, error))
        return false;
    *ret_checksums = checksums;
    return true;
}

const struct checksum *checksums_find(const struct checksums *checksums, const char *name)
{
    size_t low = 0, high = checksums->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(checksums->items[middle].name, name);
        if (order == 0)
            return &checksums->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool checksums_covers(const struct checksums *checksums, const char *path, bool is_directory)
{
    size_t length = strlen(path);
    if (!is_directory)
        return checksums_find(checksums, path);
    for (size_t i = 0; i < checksums->count; i++) {
        const char *name = checksums->items[i].name;
        if (strncmp(name, path, length) == 0 && name[length] == '/')
            return true;
    }
    return false;
}

struct str checksums_format(const struct checksum *items, size_t count, struct arena *arena)
{
    size_t room = 1, length = 0;
    for (size_t i = 0; i < count; i++)
        room += NAME_AT + strlen(items[i].name) + 1;
    char *text = arena_room(arena, room);
    for (size_t i = 0; i < count; i++) {
        bool is_name = checksums_is_name(str_from(items[i].name));
        assert(is_name);
        (void)is_name;
        length += (size_t)snprintf(text + length, room - length, "%s  %s\n",
                                   hash_to_hex(&items[i].hash).text, items[i].name);
    }
    text[length] = '\0';
    return (struct str){ text, length };
}
