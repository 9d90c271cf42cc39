#include "schema/registry/vanished.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"
#include "schema/registry/bulk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A valid path that is not in the store. */
struct candidate {
    int64_t id;
    struct str base;
    int64_t needed_by; /* id of a path that is there or kept and refers to it; 0: none */
};

struct search {
    const struct store_db *db;
    const struct presence *presence;
    struct arena *arena;
    struct candidate *items; /* ascending by id */
    size_t count, capacity;
};

/* --- What is not there ------------------------------------------------------------------------ */

/* The directory was read before the transaction began. What was registered in between is there. */
static bool add(struct search *search, int directory, int64_t id, struct str base,
                struct error *error)
{
    bool is_there;
    if (!presence_look(directory, base, &is_there, error))
        return false;
    if (is_there)
        return true;
    if (!store_db_charge(search->db, base.len, error))
        return false;
    search->items = arena_grow(search->arena, search->items, search->count, &search->capacity,
                               sizeof *search->items);
    search->items[search->count++] =
        (struct candidate){ .id = id, .base = arena_copy(search->arena, base) };
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Rows without a legal path of this store are left alone. */
static bool find_candidates(struct search *search, struct error *error)
{
    const struct store *store = search->db->store;
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    cleanup(own_close) int directory =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        return error_errno(error, -directory, "open the store %s", store->store_dir.data);
    if (!store_db_prepare(search->db, "select id, path from main.ValidPaths order by path", &rows,
                          error))
        return false;
    enum store_db_answer answer;
    while ((answer = store_db_step(search->db, rows, error)) == STORE_DB_FOUND) {
        struct str base;
        struct error illegal;
        if (store_path_strip(store_db_text(rows, 1), store->store_dir, &base) &&
            !presence_saw(search->presence, base) && store_path_check(base, &illegal) &&
            !add(search, directory, sqlite.column_int64(rows, 0), base, error))
            return false;
    }
    if (search->count)
        qsort(search->items, search->count, sizeof *search->items, compare_ids);
    return answer == STORE_DB_ABSENT;
}

static struct candidate *find(const struct search *search, int64_t id)
{
    struct candidate key = { .id = id };
    return bsearch(&key, search->items, search->count, sizeof key, compare_ids);
}

/* --- What is needed --------------------------------------------------------------------------- */

/* Finds a path that is there and refers to the candidate. */
static bool find_referrer(const struct search *search, sqlite3_stmt *referrers,
                          struct candidate *candidate, struct error *error)
{
    enum store_db_answer answer;
    sqlite.reset(referrers);
    sqlite.bind_int64(referrers, 1, candidate->id);
    while ((answer = store_db_step(search->db, referrers, error)) == STORE_DB_FOUND) {
        int64_t referrer = sqlite.column_int64(referrers, 0);
        if (!find(search, referrer)) {
            candidate->needed_by = referrer;
            return true;
        }
    }
    return answer == STORE_DB_ABSENT;
}

/* A path that is kept needs those it refers to, so they are kept, too. `waiting` has the kept paths
 * whose references have not been looked at; each is there once. */
static bool keep_references(const struct search *search, struct candidate **waiting, size_t count,
                            struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *references = NULL;
    if (!store_db_prepare(search->db,
                          "select reference from main.Refs where referrer = ? order by reference",
                          &references, error))
        return false;
    while (count > 0) {
        struct candidate *kept = waiting[--count];
        enum store_db_answer answer;
        sqlite.reset(references);
        sqlite.bind_int64(references, 1, kept->id);
        while ((answer = store_db_step(search->db, references, error)) == STORE_DB_FOUND) {
            struct candidate *needed = find(search, sqlite.column_int64(references, 0));
            if (!needed || needed->needed_by != 0)
                continue;
            needed->needed_by = kept->id;
            assert(count < search->count);
            waiting[count++] = needed;
        }
        if (answer != STORE_DB_ABSENT)
            return false;
    }
    return true;
}

static bool find_needed(const struct search *search, struct error *error)
{
    size_t count = 0;
    struct arena scratch = *search->arena;
    struct candidate **waiting = arena_new(&scratch, struct candidate *, search->count);
    cleanup(store_db_finalize) sqlite3_stmt *referrers = NULL;
    if (!store_db_prepare(search->db,
                          "select referrer from main.Refs join main.ValidPaths on referrer = id "
                          "where reference = ? order by referrer",
                          &referrers, error))
        return false;
    for (size_t i = 0; i < search->count; i++) {
        struct candidate *candidate = &search->items[i];
        if (!find_referrer(search, referrers, candidate, error))
            return false;
        if (candidate->needed_by != 0)
            waiting[count++] = candidate;
    }
    return keep_references(search, waiting, count, error);
}

/* --- Forgetting ------------------------------------------------------------------------------- */

static void id_cell(const void *context, size_t row, int column, sqlite3_context *result)
{
    const int64_t *ids = context;
    if (column == 0)
        sqlite.result_int64(result, ids[row]);
}

/* Nix makes the tables of realisations only with content-addressed derivations. They are deleted from if
 * they are ordinary tables. */
static bool find_realisations(const struct store_db *db, bool *ret_has, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *statement = NULL;
    int code = sqlite.prepare_v3(db->sqlite,
                                 "select 1 from main.RealisationsRefs, main.Realisations limit 0",
                                 -1, SQLITE_PREPARE_NO_VTAB, &statement, NULL);
    *ret_has = code == SQLITE_OK;
    return code == SQLITE_OK || (code & 0xff) == SQLITE_ERROR ||
           store_db_refused(db, STORE_DB_NAME, error);
}

/* What refers to a path goes before the path, also its reference to itself: Nix's triggers and foreign
 * keys do not work here. */
static bool delete_rows(const struct store_db *db, const struct bulk_rows *ids, struct error *error)
{
    static const char *const realisations[] = {
        "delete from main.RealisationsRefs where referrer in (select id from main.Realisations where "
        "outputPath in (select c0 from temp.bulk)) or realisationReference in (select id from "
        "main.Realisations where outputPath in (select c0 from temp.bulk))",
        "delete from main.Realisations where outputPath in (select c0 from temp.bulk)",
    };
    static const char *const others[] = {
        "delete from main.Refs where referrer in (select c0 from temp.bulk)",
        "delete from main.Refs where reference in (select c0 from temp.bulk)",
        "delete from main.DerivationOutputs where drv in (select c0 from temp.bulk)",
    };
    bool has_realisations;
    if (!find_realisations(db, &has_realisations, error))
        return false;
    for (size_t i = 0; i < COUNT(realisations) && has_realisations; i++)
        if (!bulk_run_any(db, realisations[i], ids, error))
            return false;
    for (size_t i = 0; i < COUNT(others); i++)
        if (!bulk_run_any(db, others[i], ids, error))
            return false;
    return bulk_run(db, "delete from main.ValidPaths where id in (select c0 from temp.bulk)", ids,
                    error);
}

static bool forget(const struct search *search, struct error *error)
{
    struct arena scratch = *search->arena;
    int64_t *ids = arena_new(&scratch, int64_t, search->count);
    struct bulk_rows rows = { .context = ids, .cell = id_cell };
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i].needed_by == 0)
            ids[rows.count++] = search->items[i].id;
    store_db_allow(search->db, rows.count);
    return rows.count == 0 || delete_rows(search->db, &rows, error);
}

/* --- The result ------------------------------------------------------------------------------- */

static int compare_bases(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return str_compare(a->base, b->base);
}

/* A row that is there may have an odd path; then it has no name. */
static bool name_row(const struct search *search, sqlite3_stmt *find_path, int64_t id,
                     struct str *ret_base, struct error *error)
{
    struct error illegal;
    struct str base = STR("a row without a legal path");
    sqlite.reset(find_path);
    sqlite.bind_int64(find_path, 1, id);
    enum store_db_answer answer = store_db_step(search->db, find_path, error);
    if (answer == STORE_DB_FOUND &&
        !store_path_parse(store_db_text(find_path, 0), search->db->store->store_dir, &base,
                          &illegal))
        base = STR("a row without a legal path");
    if (answer == STORE_DB_FAILED || !store_db_charge(search->db, base.len, error))
        return false;
    *ret_base = arena_copy(search->arena, base);
    return true;
}

static bool list_results(const struct search *search, struct vanished *ret_vanished,
                         struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *find_path = NULL;
    struct vanished vanished = {
        .forgotten = arena_new(search->arena, struct str, search->count),
        .needed = arena_new(search->arena, struct vanished_needed, search->count),
    };
    if (!store_db_prepare(search->db, "select path from main.ValidPaths where id = ?", &find_path,
                          error))
        return false;
    qsort(search->items, search->count, sizeof *search->items, compare_bases);
    for (size_t i = 0; i < search->count; i++) {
        const struct candidate *candidate = &search->items[i];
        struct vanished_needed *needed = &vanished.needed[vanished.needed_count];
        needed->path = candidate->base;
        if (candidate->needed_by == 0)
            vanished.forgotten[vanished.forgotten_count++] = candidate->base;
        else if (name_row(search, find_path, candidate->needed_by, &needed->needed_by, error))
            vanished.needed_count++;
        else
            return false;
    }
    *ret_vanished = vanished;
    return true;
}

bool vanished_forget(const struct store_db *db, const struct presence *presence,
                     struct arena *arena, struct vanished *ret_vanished, struct error *error)
{
    struct search search = { .db = db, .presence = presence, .arena = arena };
    assert(db->is_writable && !db->is_new);
    *ret_vanished = (struct vanished){ 0 };
    return find_candidates(&search, error) &&
           (search.count == 0 || (find_needed(&search, error) && forget(&search, error) &&
                                  list_results(&search, ret_vanished, error)));
}
