#include "schema/nix/reference_graph.h"

#include "schema/base/order.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/record_reader.h"

#include <stdlib.h>
#include <string.h>

/* The number of a record's lines before its references. */
enum { RECORD_LINES = 3 };

/* Is the text the second line of a manifest, that is, a hash in the place of a deriver? */
static bool is_manifest(const struct record_reader *reader, struct str text)
{
    struct hash hash;
    struct error error;
    struct str line = str_cut(text, '\n').head;
    return reader->line_number == 2 && hash_parse(line, &hash, &error);
}

static bool take_record(struct record_reader *reader)
{
    struct path_info *item;
    if (!record_reader_path(reader, &item))
        return false;
    struct str rest = reader->rest;
    if (record_reader_deriver(reader, &item->deriver))
        return record_reader_references(reader, item);
    if (!is_manifest(reader, rest))
        return false;
    return error_set(reader->error, "line 2: a hash where the deriver is expected: this is a "
                                    "manifest, not a references graph");
}

/* Returns the line on which an item begins. The list must still be in the order of the text. */
static size_t line_of(const struct path_list *list, size_t item)
{
    size_t line = 1;
    for (size_t i = 0; i < item; i++)
        line += RECORD_LINES + list->items[i].reference_count;
    return line;
}

static uint32_t *sort_references(const struct path_info *info, struct arena *scratch)
{
    uint32_t *sorted = arena_new(scratch, uint32_t, info->reference_count);
    if (info->reference_count) {
        memcpy(sorted, info->references, info->reference_count * sizeof *sorted);
        qsort(sorted, info->reference_count, sizeof *sorted, order_uint32);
    }
    return sorted;
}

static bool says_the_same(const struct path_info *left, const struct path_info *right,
                          struct arena scratch)
{
    if (!str_equal(left->deriver, right->deriver) ||
        left->reference_count != right->reference_count)
        return false;
    const uint32_t *left_sorted = sort_references(left, &scratch);
    const uint32_t *right_sorted = sort_references(right, &scratch);
    for (size_t i = 0; i < left->reference_count; i++)
        if (left_sorted[i] != right_sorted[i])
            return false;
    return true;
}

/* Refuses two records of one path that differ. Sets `first` of each name to its first item. */
static bool check_repetitions(const struct path_list *list, uint32_t *first, struct arena scratch,
                              struct error *error)
{
    for (size_t i = 0; i < list->names.count; i++)
        first[i] = NAME_NONE;
    for (size_t i = 0; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        uint32_t before = first[info->name];
        if (before == NAME_NONE)
            first[info->name] = (uint32_t)i;
        else if (!says_the_same(&list->items[before], info, scratch))
            return error_set(error, "line %zu: '%.*s' contradicts its record on line %zu",
                             line_of(list, i), STR_ARG(info->base), line_of(list, before));
    }
    return true;
}

static bool check_closed(const struct path_list *list, const uint32_t *first, struct error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        for (size_t j = 0; j < info->reference_count; j++)
            if (first[info->references[j]] == NAME_NONE)
                return error_set(error, "line %zu: '%.*s' is a reference, but has no record",
                                 line_of(list, i) + RECORD_LINES + j,
                                 STR_ARG(list->names.names[info->references[j]]));
    }
    return true;
}

static bool parse_text(struct str text, struct str store_dir, struct arena *arena,
                       struct path_list *list, struct error *error)
{
    struct record_reader reader = record_reader_of_text(text, store_dir, arena, list, error);
    bool complete = true;
    while (complete && record_reader_more(&reader))
        complete = take_record(&reader);
    if (!record_reader_end(&reader, complete))
        return false;
    struct arena scratch = *arena;
    uint32_t *first = arena_room(&scratch, list->names.count * sizeof *first);
    if (!check_repetitions(list, first, scratch, error) || !check_closed(list, first, error))
        return false;
    path_list_normalise(list, *arena);
    return true;
}

bool reference_graph_parse(struct str text, struct str store_dir, struct arena *arena,
                           struct reference_graph *ret_graph, struct error *error)
{
    struct reference_graph graph = { 0 };
    graph.has_hashes = text.len > 0 && (text.data[0] == '[' || text.data[0] == '{');
    bool parsed = graph.has_hashes
                      ? path_info_json_parse(text, store_dir, arena, &graph.paths, error)
                      : parse_text(text, store_dir, arena, &graph.paths, error);
    if (parsed)
        *ret_graph = graph;
    return parsed;
}
