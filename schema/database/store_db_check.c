#include "schema/database/store_db_check.h"

#include "schema/base/own.h"

#include <limits.h>

/* Migrations of newer Nix that leave the meaning of our three tables alone. */
static const char *const known_migrations[] = {
    "20220326-ca-derivations", "20251017-ca-derivations", "20260309-drop-redundant-indexreferrer",
    "20241024-provenance", /* Determinate Nix: one more column */
};

static bool is_known_migration(struct str name)
{
    for (size_t i = 0; i < sizeof known_migrations / sizeof *known_migrations; i++)
        if (str_equal(name, str_from(known_migrations[i])))
            return true;
    return false;
}

bool store_db_check_migrations(const struct store_db *db, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *tables = NULL, *rows = NULL;
    if (!store_db_prepare(db, "select 1 from sqlite_master where name = 'SchemaMigrations'",
                          &tables, error))
        return false;
    enum store_db_answer answer = store_db_step(db, tables, error);
    if (answer != STORE_DB_FOUND)
        return answer == STORE_DB_ABSENT;
    if (!store_db_prepare(db, "select migration from SchemaMigrations", &rows, error))
        return false;
    while ((answer = store_db_step(db, rows, error)) == STORE_DB_FOUND)
        if (!is_known_migration(store_db_text(rows, 0)))
            return error_set(error,
                             "the database has the unknown migration '%.*s': use the Nix that "
                             "made it, or a newer regd",
                             STR_ARG(store_db_text(rows, 0)));
    return answer == STORE_DB_ABSENT;
}

/* Refuses a database whose paths are not full paths of this store, by looking at both ends of the
 * index: '0' is the byte behind '/'. */
static bool check_paths(const struct store_db *db, const struct store *store, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    char bound[PATH_MAX];
    if (!store_db_prepare(db,
                          "select path from ValidPaths where path < ?1 || '/' "
                          "union all select path from ValidPaths where path >= ?1 || '0' limit 1",
                          &rows, error))
        return false;
    snprintf(bound, sizeof bound, "%s", store->store_dir.data);
    sqlite.bind_text(rows, 1, bound, -1, SQLITE_STATIC);
    enum store_db_answer answer = store_db_step(db, rows, error);
    if (answer == STORE_DB_FOUND)
        return error_set(error,
                         "the database holds '%.*s', which is not a path in the store '%s': is "
                         "this the right store?",
                         STR_ARG(store_db_text(rows, 0)), store->store_dir.data);
    return answer == STORE_DB_ABSENT;
}

/* The columns that are used; a database may have more. */
static bool check_tables(const struct store_db *db, struct error *error)
{
    static const char *const queries[] = {
        ("select id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca "
         "from ValidPaths limit 0"),
        "select referrer, reference from Refs limit 0",
        "select drv, id, path from DerivationOutputs limit 0",
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        cleanup(store_db_finalize) sqlite3_stmt *statement = NULL;
        if (store_db_prepare(db, queries[i], &statement, error))
            continue;
        if ((sqlite.errcode(db->sqlite) & 0xff) != SQLITE_ERROR)
            return false;
        return error_set(error,
                         STORE_DB_NAME
                         ": %s: it is not a finished Nix database; restore it, or move it "
                         "and " STORE_DB_SCHEMA_NAME " away and register again",
                         sqlite.errmsg(db->sqlite));
    }
    return true;
}

bool store_db_check(const struct store_db *db, const struct store *store, struct error *error)
{
    return check_tables(db, error) && store_db_check_migrations(db, error) &&
           check_paths(db, store, error);
}
