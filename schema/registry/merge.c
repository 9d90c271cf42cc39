/* merge.c — compares a list of paths with an existing database: see merge.h. */
#include "schema/registry/merge.h"

#include "schema/base/own.h"

#include <assert.h>
#include <stdlib.h>

/* Looks up the row id of a path; 0 if there is no row. */
static bool find_id(const struct merge *merge, const struct store_db *db, sqlite3_stmt *find,
                    struct str base, int64_t *ret_id, struct error *error)
{
    struct store_rows_path path;
    store_rows_format_path(merge->store, base, &path);
    sqlite.reset(find);
    if (!store_db_bind(db, find, 1, (struct str){ path.text, (size_t)path.length }, error))
        return false;
    enum store_db_answer answer = store_db_step(db, find, error);
    *ret_id = answer == STORE_DB_FOUND ? sqlite.column_int64(find, 0) : 0;
    if (answer == STORE_DB_FOUND && *ret_id == 0)
        return error_set(error, "the database row of %.*s has the number 0, which Nix never gives",
                         STR_ARG(base));
    return answer != STORE_DB_FAILED;
}

/* How the row of a path that is already valid compares with the list. */
struct known {
    bool same_hash, same_size;
    bool lacks; /* signatures, content address or `ultimate`, which the list has */
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

/* An empty text is stored as null. */
static bool bind_text(const struct store_db *db, sqlite3_stmt *statement, int parameter,
                      struct str text, struct error *error)
{
    return text.len == 0 || store_db_bind(db, statement, parameter, text, error);
}

/* Gives the row the list's hash and size. If the hash differs, the row's signatures, content
 * address and `ultimate` are about other bytes, so the list's replace them. If the hash is the
 * same, they stay, and the list only adds what is missing. */
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
            ? "update or rollback main.ValidPaths set narSize = nullif(?1, 0), ultimate = ifnull(ultimate, ?4), "
              "sigs = ifnull(nullif(sigs, ''), ?5), ca = ifnull(nullif(ca, ''), ?6) where id = ?2"
            : "update or rollback main.ValidPaths set narSize = nullif(?1, 0), hash = ?3, ultimate = ?4, sigs = ?5, "
              "ca = ?6 where id = ?2";
    if (!store_db_prepare(db, sql, &update, error))
        return false;
    char text[STORE_ROWS_HASH_LENGTH];
    store_rows_format_hash(&info->nar_hash, text);
    sqlite.bind_int64(update, 1, (sqlite3_int64)info->nar_size_bytes);
    sqlite.bind_int64(update, 2, merge->rows.ids[path]);
    if (info->is_ultimate)
        sqlite.bind_int(update, 4, 1);
    struct str hash = { text, known.same_hash ? 0 : sizeof text };
    if (!bind_text(db, update, 3, hash, error) ||
        !bind_text(db, update, 5, info->signatures, error) ||
        !bind_text(db, update, 6, info->content_address, error))
        return false;
    assert(merge->rows.ids[path] != 0);
    merge->result.updated++;
    if (!known.same_hash)
        merge->result.rehashed[merge->result.rehashed_count++] = info->base;
    if (store_db_step(db, update, error) != STORE_DB_ABSENT)
        return false;
    return sqlite.changes64(db->sqlite) == 1 ||
           error_set(error, "the database row of %.*s cannot be changed; nothing is changed",
                     STR_ARG(info->base));
}

bool merge_find_paths(struct merge *merge, const struct store_db *db, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *find = NULL;
    if (!store_db_prepare(db,
                          "select id, hash, narSize, ultimate, sigs, ca from main.ValidPaths "
                          "where path = ?",
                          &find, error))
        return false;
    assert(merge->list->names.count >= merge->list->count);
    merge->result.rehashed = arena_new(merge->arena, struct str, merge->list->count);
    for (uint32_t path = 0; path < merge->list->count; path++) {
        if (merge->left_out[path])
            continue;
        if (!find_id(merge, db, find, merge_base(merge, path), &merge->rows.ids[path], error))
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

bool merge_find_last_id(const struct store_db *db, int64_t *ret_id, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *last = NULL;
    if (!store_db_prepare(db,
                          "select max(ifnull((select max(seq) from main.sqlite_sequence where "
                          "name = 'ValidPaths' and typeof(seq) = 'integer'), 0), "
                          "ifnull((select max(id) from main.ValidPaths), 0))",
                          &last, error))
        return false;
    enum store_db_answer answer = store_db_step(db, last, error);
    if (answer != STORE_DB_FOUND)
        return answer == STORE_DB_ABSENT;
    int64_t id = sqlite.column_int64(last, 0);
    if (id < 0 || id >= INT64_MAX - PATH_COUNT_MAX)
        return error_set(error, "the database has no row numbers left");
    *ret_id = id;
    return true;
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
    for (size_t i = 0; i < info->reference_count; i++) {
        int64_t reference = merge->rows.ids[info->references[i]];
        assert(merge->rows.ids[path] != 0 && reference != 0); /* each has a row, or an id for one */
        merge->rows.references[merge->rows.reference_count++] =
            (struct reference_row){ merge->rows.ids[path], reference };
    }
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

/* Lists the references of a path that the database lacks. `known` selects those that it has. */
static bool add_path_references(struct merge *merge, const struct store_db *db, uint32_t path,
                                sqlite3_stmt *known, struct error *error)
{
    size_t first = merge->rows.reference_count;
    add_new_references(merge, path);
    if (merge->is_new[path] || merge->rows.reference_count == first)
        return true;
    size_t total = merge->rows.reference_count;
    assert(total == first + merge->list->items[path].reference_count);
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

size_t merge_count_references(const struct merge *merge)
{
    size_t count = 0;
    for (size_t path = 0; path < merge->list->count; path++)
        if (!merge->left_out[path])
            count += merge->list->items[path].reference_count;
    return count;
}

bool merge_add_references(struct merge *merge, const struct store_db *db, struct error *error)
{
    merge->rows.references =
        arena_room(merge->arena, merge_count_references(merge) * sizeof *merge->rows.references);
    cleanup(store_db_finalize) sqlite3_stmt *known = NULL;
    if (!store_db_prepare(db,
                          "select reference from main.Refs where referrer = ? order by reference",
                          &known, error))
        return false;
    for (uint32_t path = 0; path < merge->list->count; path++)
        if (!merge->left_out[path] && !add_path_references(merge, db, path, known, error))
            return false;
    assert(merge->rows.reference_count <= merge_count_references(merge));
    sort_references(merge);
    return true;
}
