/* registry.c — looks up each path in the database once and keeps the answer by index. What must be
 * written is collected as lists of rows, which rows.c inserts with one statement for each table. If
 * everything is already registered, nothing is written.
 */
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_file.h"
#include "schema/nix/derivation_check.h"
#include "schema/nix/path_order.h"
#include "schema/nix/store_path.h"
#include "schema/registry/merge.h"
#include "schema/registry/mounted_layers.h"
#include "schema/registry/rows.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool check_cycles(struct merge *merge, struct error *error)
{
    merge->order = arena_new(merge->arena, uint32_t, merge->list->count);
    struct path_cycle cycle = path_order_find(merge->list, *merge->arena, merge->order);
    if (!cycle.found)
        return true;
    return error_set(error, "'%.*s' and '%.*s' refer to each other in a cycle",
                     STR_ARG(merge_base(merge, cycle.from)), STR_ARG(merge_base(merge, cycle.to)));
}

static bool refuse_missing(const struct merge *merge, struct error *error)
{
    enum { NAMED = 3 };
    const struct registry_result *result = &merge->result;
    char names[NAMED * (STORE_PATH_BASE_MAX + 4)] = "";
    for (size_t i = 0; i < result->missing_count && i < NAMED; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s'%.*s'", used ? ", " : "",
                 STR_ARG(result->left_out[result->collected_count + i]));
    }
    return error_set(error, "%zu of %zu paths are not in %s: %s%s", result->missing_count,
                     merge->list->count, merge->store->store_dir.data, names,
                     result->missing_count > NAMED ? ", …" : "");
}

static void leave_out(struct merge *merge, uint32_t path)
{
    assert(!merge->left_out[path]);
    merge->left_out[path] = true;
    merge->result.left_out[merge->result.left_out_count++] = merge_base(merge, path);
}

static bool depends_on_left_out(const struct merge *merge, uint32_t path)
{
    const struct path_info *info = &merge->list->items[path];
    for (size_t i = 0; i < info->reference_count; i++)
        if (info->references[i] < merge->list->count && merge->left_out[info->references[i]])
            return true;
    return false;
}

/* Those that were collected first, then those that are missing. */
static void leave_out_absent(struct merge *merge, const bool *is_hidden)
{
    struct registry_result *result = &merge->result;
    for (uint32_t path = 0; path < merge->list->count; path++)
        if (!merge->presence.is_there[path] && is_hidden[path])
            leave_out(merge, path);
    result->collected_count = result->left_out_count;
    for (uint32_t path = 0; path < merge->list->count; path++)
        if (!merge->presence.is_there[path] && !is_hidden[path])
            leave_out(merge, path);
    result->missing_count = result->left_out_count - result->collected_count;
}

/* Dependencies come first in this order, so one pass finds all their dependents. */
static void leave_out_dependents(struct merge *merge)
{
    for (size_t i = 0; i < merge->list->count; i++)
        if (!merge->left_out[merge->order[i]] && depends_on_left_out(merge, merge->order[i]))
            leave_out(merge, merge->order[i]);
}

static bool check_presence(struct merge *merge, enum registry_missing missing, struct error *error)
{
    size_t count = merge->list->count, there = 0;
    if (missing == REGISTRY_MISSING_ACCEPT || count == 0)
        return true;
    if (!presence_scan(merge->store, merge->arena, &merge->presence, error))
        return false;
    for (size_t i = 0; i < count; i++)
        there += merge->presence.is_there[i];
    if (there == count)
        return true;
    bool *is_hidden = arena_new(merge->arena, bool, count);
    if (!mounted_layers_find_hidden(merge->store, merge->list, merge->presence.is_there,
                                    *merge->arena, is_hidden, error))
        return false;
    merge->result.left_out = arena_new(merge->arena, struct str, count);
    leave_out_absent(merge, is_hidden);
    if (missing == REGISTRY_MISSING_REFUSE && merge->result.missing_count > 0)
        return refuse_missing(merge, error);
    size_t absent = merge->result.left_out_count;
    leave_out_dependents(merge);
    return missing != REGISTRY_MISSING_REFUSE || merge->result.left_out_count == absent ||
           error_set(error,
                     "'%.*s' depends on a path that was collected on this machine; let Nix fetch "
                     "it, or use --missing=skip",
                     STR_ARG(merge->result.left_out[absent]));
}

/* The store is whole if all layers were found, all of their paths were seen, and nothing refers to a
 * path of a layer that may not be mounted. */
static bool is_whole(const struct merge *merge, const struct registry_options *options)
{
    const struct path_list *list = merge->list;
    if (!options->is_whole || !merge->presence.is_there || merge->result.missing_count > 0)
        return false;
    for (uint32_t path = 0; path < list->count; path++)
        for (size_t i = 0; i < list->items[path].reference_count; i++)
            if (list->items[path].references[i] >= list->count)
                return false;
    return true;
}

/* Refuses references to paths that are neither in the list nor valid. */
static bool check_outside(const struct merge *merge, struct error *error)
{
    const struct path_list *list = merge->list;
    for (uint32_t path = 0; path < list->count; path++) {
        const struct path_info *info = &list->items[path];
        for (size_t i = 0; i < info->reference_count && !merge->left_out[path]; i++) {
            uint32_t name = info->references[i];
            if (name >= list->count && merge->rows.ids[name] == 0)
                return error_set(error,
                                 "'%.*s' refers to '%.*s', which is neither in the manifest nor "
                                 "valid",
                                 STR_ARG(info->base), STR_ARG(list->names.names[name]));
        }
    }
    return true;
}

static void add_outputs(struct merge *merge, uint32_t path, const struct derivation *derivation)
{
    for (size_t i = 0; i < derivation->output_count; i++) {
        merge->rows.outputs =
            arena_grow(merge->arena, merge->rows.outputs, merge->rows.output_count,
                       &merge->output_capacity, sizeof *merge->rows.outputs);
        merge->rows.outputs[merge->rows.output_count++] = (struct output_row){
            .derivation = path, /* becomes the row's id when ids are given */
            .name = derivation->outputs[i].name,
            .path = derivation->outputs[i].path,
        };
    }
}

/* Only new derivations get rows in DerivationOutputs, so only they are read. */
static bool check_derivations(struct merge *merge, struct error *error)
{
    cleanup(own_close) int store = -1;
    struct derivation_checker checker = { 0 };
    for (uint32_t path = 0; path < merge->list->count; path++) {
        struct derivation derivation;
        if (!merge->is_new[path] || !store_path_is_derivation(merge_base(merge, path)))
            continue;
        if (store < 0) {
            const char *directory = merge->store->store_dir.data;
            store = root_open(merge->store->root, directory, O_RDONLY | O_DIRECTORY, 0);
            if (store < 0)
                return error_errno(error, -store, "open the store %s", directory);
            checker = derivation_checker_make(store, merge->store->store_dir, merge->arena);
        }
        if (!derivation_check(&checker, merge_base(merge, path), &derivation, error))
            return false;
        add_outputs(merge, path, &derivation);
    }
    return true;
}

/* New paths get ids in the list's order, as Nix gives them. */
static void give_ids(struct merge *merge, int64_t last_id)
{
    assert(last_id >= 0 && last_id < INT64_MAX - PATH_COUNT_MAX);
    merge->rows.new_paths = arena_new(merge->arena, uint32_t, merge->list->count);
    for (uint32_t path = 0; path < merge->list->count; path++) {
        if (!merge->is_new[path])
            continue;
        merge->rows.ids[path] = ++last_id;
        merge->rows.new_paths[merge->rows.new_count++] = path;
    }
    assert(merge->rows.new_count <= merge->list->count);
    merge->result.added = merge->rows.new_count;
    for (size_t i = 0; i < merge->rows.output_count; i++)
        merge->rows.outputs[i].derivation = merge->rows.ids[merge->rows.outputs[i].derivation];
}

/* A new database has no rows yet: every path is new, and no reference may lead outside. */
static bool fill_new(struct merge *merge, struct store_db *db, enum registry_loader loader,
                     struct error *error)
{
    assert(db->is_new && db->draft.fd >= 0);
    for (uint32_t path = 0; path < merge->list->count; path++)
        merge->is_new[path] = !merge->left_out[path];
    if (!check_outside(merge, error) || !check_derivations(merge, error))
        return false;
    give_ids(merge, 0);
    if (loader == REGISTRY_LOADER_SQL || !store_file_fits(&merge->rows))
        return store_db_begin_new(db, error) && merge_add_references(merge, db, error) &&
               rows_insert(&merge->rows, db, error);
    merge->result.references_added = merge_count_references(merge);
    return store_file_write(&merge->rows, db->draft.fd, *merge->arena, error);
}

/* The caller has begun a transaction on an existing database. */
static bool merge_into(struct merge *merge, const struct store_db *db, struct error *error)
{
    int64_t last_id = 0;
    assert(!db->is_new && db->is_writable);
    store_db_allow(db, merge->list->names.count + merge_count_references(merge));
    if (!merge_find_paths(merge, db, error) || !check_outside(merge, error) ||
        !check_derivations(merge, error) || !merge_find_last_id(db, &last_id, error))
        return false;
    give_ids(merge, last_id);
    return merge_add_references(merge, db, error) && rows_insert(&merge->rows, db, error) &&
           (!merge->forgets ||
            vanished_forget(db, &merge->presence, merge->arena, &merge->result.vanished, error));
}

/* Makes all checks that need no open database, before anything is created on disk. */
static bool check_alone(struct merge *merge, enum registry_missing missing, struct error *error)
{
    if (!check_cycles(merge, error) || !check_presence(merge, missing, error))
        return false;
    enum store_db_answer there = store_db_find(merge->store, *merge->arena, error);
    if (there == STORE_DB_ABSENT)
        return check_outside(merge, error);
    return there == STORE_DB_FOUND;
}

bool registry_merge(const struct store *store, const struct path_list *list,
                    const struct registry_options *options, struct arena *arena,
                    struct registry_result *ret_result, struct error *error)
{
    struct merge merge = {
        .store = store,
        .list = list,
        .presence = { .list = list, .sees_all = options->vanished == REGISTRY_VANISHED_FORGET },
        .left_out = arena_new(arena, bool, list->count),
        .arena = arena,
        .result = { .path_count = list->count },
        .rows = { .store = store,
                  .list = list,
                  .ids = arena_new(arena, int64_t, list->names.count),
                  .time_seconds = options->time_seconds },
        .is_new = arena_new(arena, bool, list->count),
    };
    if (!check_alone(&merge, options->missing, error))
        return false;
    merge.forgets = options->vanished == REGISTRY_VANISHED_FORGET && is_whole(&merge, options);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!store_db_open_write(store, *arena, &db, error))
        return false;
    bool merged =
        db.is_new ? fill_new(&merge, &db, options->loader, error) : merge_into(&merge, &db, error);
    if (!merged || !store_db_commit(&db, error))
        return false;
    assert(merge.result.missing_count <= merge.result.left_out_count);
    *ret_result = merge.result;
    return true;
}
