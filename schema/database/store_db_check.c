/* Nix makes additions to its database such that an older Nix can still use it, and raises the
 * version in `schema` if it cannot. So an unknown addition is no reason to refuse a database, as
 * long as the rows that we read and add keep their meaning. */
#include "schema/database/store_db_check.h"

#include "schema/base/own.h"
#include "schema/database/store_db_shape.h"
#include "schema/nix/store_path.h"

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
    if (sqlite.prepare_v3(db->sqlite, "select migration from main.SchemaMigrations", -1,
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

/* --- Rows that are not of this store ---------------------------------------------------------- */

/* Refuses a database that has no path in this store. `path` is one that it has. */
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

static void warn_of_paths(const struct store *store, size_t count, const char *first)
{
    struct error sentence;
    if (count == 0 || !store->warning)
        return;
    error_set(&sentence,
              "%zu of the database's paths are not in the store '%s' or not legal, such as '%s'; "
              "they are left alone",
              count, store->store_dir.data, first);
    store->warning(store->context, sentence.sentence);
}

static bool check_paths(const struct store_db *db, const struct store *store, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    char first[SHOWN_MAX + 1] = "";
    size_t count = 0;
    bool any_inside = false;
    enum store_db_answer answer;
    if (!store_db_prepare(db, "select path from main.ValidPaths order by path", &rows, error))
        return false;
    while ((answer = store_db_step(db, rows, error)) == STORE_DB_FOUND) {
        struct error illegal;
        struct str path = store_db_text(rows, 0), base;
        bool is_inside = store_path_strip(path, store->store_dir, &base);
        any_inside |= is_inside;
        if (is_inside && store_path_check(base, &illegal))
            continue;
        if (count++ == 0)
            snprintf(first, sizeof first, "%.*s", STR_SHOWN(path));
    }
    if (answer == STORE_DB_FAILED)
        return false;
    if (count > 0 && !any_inside)
        return refuse_other_store(str_from(first), store, error);
    warn_of_paths(store, count, first);
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
