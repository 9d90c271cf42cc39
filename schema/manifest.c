#include "schema/manifest.h"

#include "schema/store_path.h"

#include <assert.h>

/* A cursor over the lines of a manifest. */
struct lines {
    struct str rest;
    size_t number; /* of the line that was taken last, from 1 */
};

/* Takes the next line off; false if there is none, or only one without its '\n'. */
static bool take_line(struct lines *lines, struct str *ret_line)
{
    struct cut cut = str_cut(lines->rest, '\n');
    if (!cut.found)
        return false;
    lines->rest = cut.tail;
    lines->number++;
    *ret_line = cut.head;
    return true;
}

/* Takes a line that has to be there; `field` names it in the sentence. */
static bool take_field(struct lines *lines, const char *field, struct str *ret_line,
                       struct error *error)
{
    if (take_line(lines, ret_line))
        return true;
    if (lines->rest.len > 0)
        return error_set(error, "line %zu: the text ends inside this line, the %s",
                         lines->number + 1, field);
    return error_set(error, "line %zu: the text ends where the %s is expected", lines->number + 1,
                     field);
}

static bool on_line(const struct lines *lines, struct error *error)
{
    return error_in(error, "line %zu", lines->number);
}

static bool take_path(struct lines *lines, const char *field, struct str store_dir,
                      struct str *ret_base, struct error *error)
{
    struct str line;
    if (!take_field(lines, field, &line, error))
        return false;
    return store_path_parse(line, store_dir, ret_base, error) || on_line(lines, error);
}

static bool take_number(struct lines *lines, const char *field, uint64_t max, uint64_t *ret_number,
                        struct error *error)
{
    struct str line;
    if (!take_field(lines, field, &line, error))
        return false;
    if (str_to_number(line, max, ret_number))
        return true;
    return error_set(error, "line %zu: %s '%.*s' is not a number from 0 to %llu", lines->number,
                     field, STR_SHOWN(line), (unsigned long long)max);
}

static bool take_deriver(struct lines *lines, struct str store_dir, struct str *ret_base,
                         struct error *error)
{
    struct str line;
    if (!take_field(lines, "deriver", &line, error))
        return false;
    *ret_base = (struct str){ 0 };
    if (line.len == 0)
        return true;
    return store_path_parse(line, store_dir, ret_base, error) || on_line(lines, error);
}

static bool take_references(struct lines *lines, struct str store_dir, struct arena *arena,
                            struct path_info *info, struct error *error)
{
    uint64_t count;
    if (!take_number(lines, "reference count", REFERENCE_COUNT_MAX, &count, error))
        return false;
    /* A reference is a line of '/', a digest, '-' and a name: no more of them can follow, whatever
     * the count says. */
    size_t possible = lines->rest.len / (STORE_PATH_DIGEST_LENGTH + 4);
    info->references = arena_new(arena, struct str, count < possible ? (size_t)count : possible);
    while (info->reference_count < count) {
        struct str base;
        if (!take_path(lines, "reference", store_dir, &base, error))
            return false;
        assert(info->reference_count < possible);
        info->references[info->reference_count++] = base;
    }
    return true;
}

static bool take_record(struct lines *lines, struct str store_dir, struct arena *arena,
                        struct path_info *ret_info, struct error *error)
{
    struct path_info info = { 0 };
    struct str hash;
    if (!take_path(lines, "path", store_dir, &info.base, error) ||
        !take_field(lines, "hash", &hash, error))
        return false;
    if (!hash_parse(hash, &info.nar_hash, error))
        return on_line(lines, error);
    if (!take_number(lines, "size", INT64_MAX, &info.nar_size_bytes, error) ||
        !take_deriver(lines, store_dir, &info.deriver, error) ||
        !take_references(lines, store_dir, arena, &info, error))
        return false;
    *ret_info = info;
    return true;
}

bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                    struct path_list *list, struct error *error)
{
    struct lines lines = { .rest = text };
    while (lines.rest.len > 0) {
        struct path_info info;
        if (list->count == PATH_COUNT_MAX)
            return error_set(error, "line %zu: more than %d paths", lines.number + 1,
                             PATH_COUNT_MAX);
        if (!take_record(&lines, store_dir, arena, &info, error))
            return false;
        *path_list_add(list, arena) = info;
    }
    return true;
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
            write_path(stream, store_dir, info->references[j]);
    }
}
