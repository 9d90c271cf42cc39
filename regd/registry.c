/* The database is asked about each path once, the answer is kept by index, and what has to be
 * written comes out as lists of rows, which rows.c inserts with one statement each. A merge that
 * finds everything in place writes nothing.
 */
#include "regd/registry.h"

#include "regd/presence.h"
#include "regd/rows.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/derivation_check.h"
#include "schema/path_order.h"
#include "schema/store_file.h"
#include "schema/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct merge {
    const struct store *store;
    const struct path_list *list;
    uint32_t *order; /* each path behind those it refers to */
    bool *left_out;
    struct arena *arena;
    struct registry_result result;

    /* Once the database has been asked: */
    bool *is_new; /* it has no row yet */
    struct store_rows rows;
    size_t output_capacity;
};

static struct str base_of(const struct merge *merge, uint32_t path)
{
    return merge->list->items[path].base;
}

static bool check_cycles(struct merge *merge, struct error *error)
{
    merge->order = arena_new(merge->arena, uint32_t, merge->list->count);
    struct path_cycle cycle = path_order_find(merge->list, *merge->arena, merge->order);
    if (!cycle.found)
        return true;
    return error_set(error, "'%.*s' and '%.*s' refer to each other in a cycle",
                     STR_ARG(base_of(merge, cycle.from)), STR_ARG(base_of(merge, cycle.to)));
}

static bool refuse_missing(const struct merge *merge, const bool *present, struct error *error)
{
    enum { NAMED = 3 };
    size_t missing = 0;
    char names[NAMED * (STORE_PATH_BASE_MAX + 4)] = "";
    for (uint32_t path = 0; path < merge->list->count; path++) {
        if (present[path])
            continue;
        struct str base = base_of(merge, path);
        size_t used = strlen(names);
        if (missing++ < NAMED)
            snprintf(names + used, sizeof names - used, "%s'%.*s'", used ? ", " : "",
                     STR_ARG(base));
    }
    return error_set(error, "%zu of %zu paths are not in %s: %s%s", missing, merge->list->count,
                     merge->store->store_dir.data, names, missing > NAMED ? ", …" : "");
}

static void leave_out(struct merge *merge, uint32_t path)
{
    merge->left_out[path] = true;
    merge->result.left_out[merge->result.left_out_count++] = base_of(merge, path);
}

/* Does it refer to a path that is left out? */
static bool depends_on_left_out(const struct merge *merge, uint32_t path)
{
    const struct path_info *info = &merge->list->items[path];
    for (size_t i = 0; i < info->reference_count; i++)
        if (info->references[i] < merge->list->count && merge->left_out[info->references[i]])
            return true;
    return false;
}

static bool check_presence(struct merge *merge, enum registry_missing missing, struct error *error)
{
    size_t count = merge->list->count;
    if (missing == REGISTRY_MISSING_ACCEPT || count == 0)
        return true;
    bool *present = arena_new(merge->arena, bool, count);
    if (!presence_scan(merge->store, merge->list, present, error))
        return false;
    size_t present_count = 0;
    for (size_t i = 0; i < count; i++)
        present_count += present[i];
    if (present_count == count)
        return true;
    if (missing == REGISTRY_MISSING_REFUSE)
        return refuse_missing(merge, present, error);
    merge->result.left_out = arena_new(merge->arena, struct str, count);
    merge->result.missing_count = count - present_count;
    for (uint32_t path = 0; path < count; path++)
        if (!present[path])
            leave_out(merge, path);
    /* Dependencies come first in this order, so one pass reaches all that depend on them. */
    for (size_t i = 0; i < count; i++)
        if (!merge->left_out[merge->order[i]] && depends_on_left_out(merge, merge->order[i]))
            leave_out(merge, merge->order[i]);
    return true;
}

/* Refuses references that lead neither to a path of the list nor to a valid one. */
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

/* Reads and checks the derivations that are to be added. */
static bool check_derivations(struct merge *merge, struct error *error)
{
    cleanup(own_close) int store = -1;
    struct derivation_checker checker = { 0 };
    for (uint32_t path = 0; path < merge->list->count; path++) {
        struct derivation derivation;
        if (!merge->is_new[path] || !store_path_is_derivation(base_of(merge, path)))
            continue;
        if (store < 0) {
            const char *directory = merge->store->store_dir.data;
            store = root_open(merge->store->root, directory, O_RDONLY | O_DIRECTORY, 0);
            if (store < 0)
                return error_errno(error, -store, "open the store %s", directory);
            checker = derivation_checker_make(store, merge->store->store_dir, merge->arena);
        }
        if (!derivation_check(&checker, base_of(merge, path), &derivation, error))
            return false;
        add_outputs(merge, path, &derivation);
    }
    return true;
}

/* Asks for the row of one path: its id, or 0. */
static bool find_id(const struct merge *merge, const struct store_db *db, sqlite3_stmt *find,
                    struct str base, int64_t *ret_id, struct error *error)
{
    struct store_rows_path path;
    store_rows_format_path(merge->store, base, &path);
    sqlite.reset(find);
    sqlite.bind_text(find, 1, path.text, path.length, SQLITE_STATIC);
    enum store_db_answer answer = store_db_step(db, find, error);
    *ret_id = answer == STORE_DB_FOUND ? sqlite.column_int64(find, 0) : 0;
    return answer != STORE_DB_FAILED;
}

/* What the row of a path that is valid already says. */
struct known {
    bool same_hash, same_size;
    bool lacks; /* something that the list can say: signatures, content address, `ultimate` */
};

static struct known compare_row(sqlite3_stmt *find, const struct path_info *info)
{
    struct hash hash;
    struct error unreadable;
    return (struct known){
        .same_hash = hash_parse(store_db_text(find, 1), &hash, &unreadable) &&
                     hash_equal(&hash, &info->nar_hash),
        .same_size = (uint64_t)sqlite.column_int64(find, 2) == info->nar_size_bytes,
        .lacks = (info->is_ultimate && sqlite.column_type(find, 3) == SQLITE_NULL) ||
                 (info->signatures.len > 0 && store_db_text(find, 4).len == 0) ||
                 (info->content_address.len > 0 && store_db_text(find, 5).len == 0),
    };
}

/* Empty is null. */
static void bind_text(sqlite3_stmt *statement, int parameter, struct str text)
{
    if (text.len > 0)
        sqlite.bind_text(statement, parameter, text.data, (int)text.len, SQLITE_STATIC);
}

/* Takes the list's hash and size where the row has others. What was said of other bytes, the
 * signatures, content address and `ultimate`, goes; of the same bytes it stays, and what is missing
 * comes from the list. */
static bool update_path(struct merge *merge, const struct store_db *db, uint32_t path,
                        sqlite3_stmt *find, struct error *error)
{
    const struct path_info *info = &merge->list->items[path];
    struct known known = compare_row(find, info);
    if (known.same_hash && known.same_size && !known.lacks)
        return true;
    cleanup(store_db_finalize) sqlite3_stmt *update = NULL;
    const char *sql =
        known.same_hash
            ? "update ValidPaths set narSize = nullif(?1, 0), ultimate = ifnull(ultimate, ?4), "
              "sigs = ifnull(nullif(sigs, ''), ?5), ca = ifnull(nullif(ca, ''), ?6) where id = ?2"
            : "update ValidPaths set narSize = nullif(?1, 0), hash = ?3, ultimate = ?4, sigs = ?5, "
              "ca = ?6 where id = ?2";
    if (!store_db_prepare(db, sql, &update, error))
        return false;
    char text[STORE_ROWS_HASH_LENGTH];
    store_rows_format_hash(&info->nar_hash, text);
    sqlite.bind_int64(update, 1, (sqlite3_int64)info->nar_size_bytes);
    sqlite.bind_int64(update, 2, merge->rows.ids[path]);
    if (!known.same_hash)
        sqlite.bind_text(update, 3, text, sizeof text, SQLITE_STATIC);
    if (info->is_ultimate)
        sqlite.bind_int(update, 4, 1);
    bind_text(update, 5, info->signatures);
    bind_text(update, 6, info->content_address);
    merge->result.updated++;
    if (!known.same_hash)
        merge->result.rehashed[merge->result.rehashed_count++] = info->base;
    return store_db_step(db, update, error) == STORE_DB_ABSENT;
}

static bool find_paths(struct merge *merge, const struct store_db *db, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *find = NULL;
    if (!store_db_prepare(db,
                          "select id, hash, narSize, ultimate, sigs, ca from ValidPaths "
                          "where path = ?",
                          &find, error))
        return false;
    merge->result.rehashed = arena_new(merge->arena, struct str, merge->list->count);
    for (uint32_t path = 0; path < merge->list->count; path++) {
        if (merge->left_out[path])
            continue;
        if (!find_id(merge, db, find, base_of(merge, path), &merge->rows.ids[path], error))
            return false;
        merge->is_new[path] = merge->rows.ids[path] == 0;
        if (!merge->is_new[path] && !update_path(merge, db, path, find, error))
            return false;
    }
    for (size_t name = merge->list->count; name < merge->list->names.count; name++)
        if (!find_id(merge, db, find, merge->list->names.names[name], &merge->rows.ids[name],
                     error))
            return false;
    return true;
}

/* AUTOINCREMENT: above every id that was ever used. */
static bool find_last_id(const struct store_db *db, int64_t *ret_id, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *last = NULL;
    if (!store_db_prepare(db,
                          "select max(ifnull((select seq from sqlite_sequence where name = "
                          "'ValidPaths'), 0), ifnull((select max(id) from ValidPaths), 0))",
                          &last, error))
        return false;
    enum store_db_answer answer = store_db_step(db, last, error);
    if (answer != STORE_DB_FOUND)
        return answer == STORE_DB_ABSENT;
    *ret_id = sqlite.column_int64(last, 0);
    return (*ret_id >= 0 && *ret_id < INT64_MAX - PATH_COUNT_MAX) ||
           error_set(error, "the database has no row numbers left");
}

/* New paths get ids in the list's order, as Nix gives them. */
static void give_ids(struct merge *merge, int64_t last_id)
{
    merge->rows.new_paths = arena_new(merge->arena, uint32_t, merge->list->count);
    for (uint32_t path = 0; path < merge->list->count; path++) {
        if (!merge->is_new[path])
            continue;
        merge->rows.ids[path] = ++last_id;
        merge->rows.new_paths[merge->rows.new_count++] = path;
    }
    merge->result.added = merge->rows.new_count;
    merge->rows.now_seconds = time(NULL);
    for (size_t i = 0; i < merge->rows.output_count; i++)
        merge->rows.outputs[i].derivation = merge->rows.ids[merge->rows.outputs[i].derivation];
}

static int compare_references(const void *left, const void *right)
{
    const struct reference_row *a = left, *b = right;
    if (a->referrer != b->referrer)
        return a->referrer < b->referrer ? -1 : 1;
    return (a->reference > b->reference) - (a->reference < b->reference);
}

static void add_new_references(struct merge *merge, uint32_t path)
{
    const struct path_info *info = &merge->list->items[path];
    for (size_t i = 0; i < info->reference_count; i++)
        merge->rows.references[merge->rows.reference_count++] =
            (struct reference_row){ merge->rows.ids[path], merge->rows.ids[info->references[i]] };
}

static void sort_references(struct merge *merge)
{
    bool ascending = true;
    for (size_t i = 1; i < merge->rows.reference_count && ascending; i++)
        ascending =
            compare_references(&merge->rows.references[i - 1], &merge->rows.references[i]) < 0;
    if (!ascending)
        qsort(merge->rows.references, merge->rows.reference_count, sizeof *merge->rows.references,
              compare_references);
    merge->result.references_added = merge->rows.reference_count;
}

/* Lists the references that the rows of the path lack; `known` finds those that are there. */
static bool add_path_references(struct merge *merge, const struct store_db *db, uint32_t path,
                                sqlite3_stmt *known, struct error *error)
{
    size_t first = merge->rows.reference_count;
    add_new_references(merge, path);
    if (merge->is_new[path] || merge->rows.reference_count == first)
        return true;
    size_t total = merge->rows.reference_count;
    qsort(merge->rows.references + first, total - first, sizeof *merge->rows.references,
          compare_references);
    merge->rows.reference_count = first;
    sqlite.reset(known);
    sqlite.bind_int64(known, 1, merge->rows.ids[path]);
    enum store_db_answer answer = store_db_step(db, known, error);
    for (size_t i = first; i < total && answer != STORE_DB_FAILED;) {
        int64_t have = answer == STORE_DB_FOUND ? sqlite.column_int64(known, 0) : INT64_MAX;
        if (have < merge->rows.references[i].reference)
            answer = store_db_step(db, known, error);
        else if (have == merge->rows.references[i].reference)
            i++;
        else
            merge->rows.references[merge->rows.reference_count++] = merge->rows.references[i++];
    }
    return answer != STORE_DB_FAILED;
}

/* The references of the paths that are not left out. */
static size_t count_references(const struct merge *merge)
{
    size_t count = 0;
    for (size_t path = 0; path < merge->list->count; path++)
        if (!merge->left_out[path])
            count += merge->list->items[path].reference_count;
    return count;
}

static bool add_references(struct merge *merge, const struct store_db *db, struct error *error)
{
    merge->rows.references =
        arena_room(merge->arena, count_references(merge) * sizeof *merge->rows.references);
    cleanup(store_db_finalize) sqlite3_stmt *known = NULL;
    if (!store_db_prepare(db, "select reference from Refs where referrer = ? order by reference",
                          &known, error))
        return false;
    for (uint32_t path = 0; path < merge->list->count; path++)
        if (!merge->left_out[path] && !add_path_references(merge, db, path, known, error))
            return false;
    sort_references(merge);
    return true;
}

/* A new database has no rows yet: every path is new, and no reference may lead outside. */
static bool fill_new(struct merge *merge, struct store_db *db, enum registry_loader loader,
                     struct error *error)
{
    for (uint32_t path = 0; path < merge->list->count; path++)
        merge->is_new[path] = !merge->left_out[path];
    if (!check_outside(merge, error) || !check_derivations(merge, error))
        return false;
    give_ids(merge, 0);
    if (loader == REGISTRY_LOADER_SQL || !store_file_fits(&merge->rows))
        return store_db_begin_new(merge->store, db, *merge->arena, error) &&
               add_references(merge, db, error) && rows_insert(&merge->rows, db, error);
    merge->result.references_added = count_references(merge);
    return store_file_write(&merge->rows, db->draft.fd, *merge->arena, error);
}

/* Everything that needs the database, inside its transaction. */
static bool merge_into(struct merge *merge, const struct store_db *db, struct error *error)
{
    int64_t last_id = 0;
    if (!find_paths(merge, db, error) || !check_outside(merge, error) ||
        !check_derivations(merge, error) || !find_last_id(db, &last_id, error))
        return false;
    give_ids(merge, last_id);
    return add_references(merge, db, error) && rows_insert(&merge->rows, db, error);
}

/* Refuses what no database could make good, before anything is made on disk. */
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
        .left_out = arena_new(arena, bool, list->count),
        .arena = arena,
        .result = { .path_count = list->count },
        .rows = { .store = store,
                  .list = list,
                  .ids = arena_new(arena, int64_t, list->names.count) },
        .is_new = arena_new(arena, bool, list->count),
    };
    if (!check_alone(&merge, options->missing, error))
        return false;
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!store_db_open_write(store, *arena, &db, error))
        return false;
    bool merged =
        db.is_new ? fill_new(&merge, &db, options->loader, error) : merge_into(&merge, &db, error);
    if (!merged || !store_db_commit(&db, error))
        return false;
    *ret_result = merge.result;
    return true;
}
