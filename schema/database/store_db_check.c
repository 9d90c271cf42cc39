/* Nix makes additions to its database such that an older Nix can still use it, and raises the
 * version in `schema` if it cannot. So an unknown addition is no reason to refuse a database, as
 * long as the rows that we read and add keep their meaning. */
#include "schema/database/store_db_check.h"

#include "schema/base/own.h"
#include "schema/database/store_db_shape.h"
#include "schema/nix/store_path.h"

#include <limits.h>

enum { MIGRATIONS_MAX = 100, SHOWN_MAX = 300 };

/* Migrations of newer Nix that do not change the meaning of our three tables. */
static const char *const known_migrations[] = {
    "20220326-ca-derivations", "20251017-ca-derivations", "20260309-drop-redundant-indexreferrer",
    "20241024-provenance", /* Determinate Nix: one more column */
};

/* Tables, indexes and triggers of Nix, 2.0 to 2.36, besides our tables and their indexes. */
static const char *const known_objects[] = {
    "SchemaMigrations",
    "DeleteSelfRefs",
    "Realisations",
    "RealisationsRefs",
    "IndexRealisations",
    "IndexRealisationsRefs",
    "IndexRealisationsRefsOnOutputPath",
    "IndexRealisationsRefsRealisationReference",
    "DeleteSelfRefsViaRealisations",
    "BuildTraceV3",
    "IndexBuildTraceV3",
};

static bool is_known(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

/* The table of migrations is optional, and may have any shape. */
static void find_migrations(const struct store_db *db, struct store_db_unknown *unknown)
{
    struct error ignored;
    int counted = 0;
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    if (sqlite.table_column_metadata(db->sqlite, "main", "SchemaMigrations", "migration", NULL,
                                     NULL, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite.prepare_v3(db->sqlite, "select migration from main.SchemaMigrations", -1,
                          SQLITE_PREPARE_NO_VTAB, &rows, NULL) != SQLITE_OK)
        return;
    while (counted++ < MIGRATIONS_MAX && store_db_step(db, rows, &ignored) == STORE_DB_FOUND)
        if (!is_known(store_db_text(rows, 0), known_migrations,
                      sizeof known_migrations / sizeof *known_migrations))
            store_db_unknown_add(unknown, "migration", store_db_text(rows, 0));
}

static bool find_objects(const struct store_db *db, struct store_db_unknown *unknown,
                         struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    if (!store_db_prepare(db,
                          "select name, tbl_name, type from main.sqlite_schema "
                          "where name not like 'sqlite!_%' escape '!'",
                          &rows, error))
        return false;
    enum store_db_answer answer;
    while ((answer = store_db_step(db, rows, error)) == STORE_DB_FOUND) {
        struct str name = store_db_text(rows, 0), table = store_db_text(rows, 1);
        bool is_of_ours = store_db_shape_is_ours(table);
        bool is_trigger = str_equal(store_db_text(rows, 2), STR("trigger"));
        if (is_known(name, known_objects, sizeof known_objects / sizeof *known_objects) ||
            (is_of_ours && !is_trigger))
            continue;
        if (is_of_ours && db->is_writable)
            return error_set(
                error,
                STORE_DB_NAME
                ": the unknown trigger '%.*s' on %.*s would have to run; register with the Nix "
                "that made it, or drop the trigger",
                STR_SHOWN(name), STR_SHOWN(table));
        store_db_unknown_add(unknown, is_trigger ? "trigger" : "table", name);
    }
    return answer == STORE_DB_ABSENT;
}

/* --- Rows of another store -------------------------------------------------------------------- */

/* The range of this store's paths in the index: '0' is the byte after '/'. */
#define LOWER "?1 || '/'"
#define UPPER "?1 || '0'"

static bool prepare_rows(const struct store_db *db, const struct store *store, const char *sql,
                         sqlite3_stmt **ret_rows, struct error *error)
{
    if (!store_db_prepare(db, sql, ret_rows, error))
        return false;
    sqlite.bind_text(*ret_rows, 1, store->store_dir.data, (int)store->store_dir.len, SQLITE_STATIC);
    return true;
}

/* Refuses a database in which no path is in this store. `path` is one of another. */
static bool refuse_other_store(struct str path, const struct store *store, struct error *error)
{
    struct error illegal;
    if (store_path_check(path, &illegal))
        return error_set(
            error,
            "the database has base names instead of full paths, such as '%.*s'; use the Nix that "
            "made it, or a newer regd",
            STR_SHOWN(path));
    return error_set(
        error,
        "the database has no path in the store '%s', but has '%.*s'; name its store with "
        "--store-dir",
        store->store_dir.data, STR_SHOWN(path));
}

static bool check_paths(const struct store_db *db, const struct store *store, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *inside = NULL, *outside = NULL;
    char first[SHOWN_MAX + 1] = "";
    size_t count = 0;
    if (!prepare_rows(db, store,
                      "select 1 from main.ValidPaths "
                      "where path >= " LOWER " and path < " UPPER " limit 1",
                      &inside, error) ||
        !prepare_rows(db, store,
                      "select path from main.ValidPaths where path < " LOWER
                      " union all select path from main.ValidPaths where path >= " UPPER,
                      &outside, error))
        return false;
    enum store_db_answer any = store_db_step(db, inside, error), answer = any;
    while (any != STORE_DB_FAILED &&
           (answer = store_db_step(db, outside, error)) == STORE_DB_FOUND) {
        struct str path = store_db_text(outside, 0);
        if (any == STORE_DB_ABSENT)
            return refuse_other_store(path, store, error);
        if (count++ == 0)
            snprintf(first, sizeof first, "%.*s", STR_SHOWN(path));
    }
    if (answer == STORE_DB_FAILED)
        return false;
    struct error sentence;
    if (count > 0 && store->warning) {
        error_set(
            &sentence,
            "%zu of the database's paths are not in the store '%s', such as '%s'; they are left "
            "alone",
            count, store->store_dir.data, first);
        store->warning(store->context, sentence.sentence);
    }
    return true;
}

bool store_db_check(const struct store_db *db, const struct store *store, struct error *error)
{
    struct store_db_unknown unknown = { 0 };
    if (!store_db_shape_check(db, &unknown, error) || !find_objects(db, &unknown, error))
        return false;
    find_migrations(db, &unknown);
    if (!check_paths(db, store, error))
        return false;
    struct error sentence;
    if (unknown.count > 0 && store->warning) {
        error_set(&sentence, "the database has unknown parts: %s%s; they are left alone",
                  unknown.text, unknown.count > STORE_DB_UNKNOWN_NAMED ? ", …" : "");
        store->warning(store->context, sentence.sentence);
    }
    return true;
}
