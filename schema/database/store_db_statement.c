/* store_db_statement.c — statements on an open store database: see store_db.h. */
#include "schema/database/store_db.h"

#include "schema/database/sqlite_jail.h"
#define RESTORE "restore it, or move it and its -wal and -shm files away and register again"

bool store_db_overdrawn(struct error *error)
{
    return error_set(
        error, STORE_DB_NAME
        ": it makes SQLite work longer than its size explains, so it is damaged; " RESTORE);
}

static uint64_t highest(int what)
{
    sqlite3_int64 current = 0, most = 0;
    sqlite.status64(what, &current, &most, 0);
    return (uint64_t)most;
}

/* Did the budget refuse memory, or has the system none left? SQLite has one code for both. A
 * request that the budget refuses is counted in MALLOC_SIZE, but not in MEMORY_USED. */
static bool may_exceed(const struct store_db_budget *budget)
{
    return highest(SQLITE_STATUS_MEMORY_USED) + highest(SQLITE_STATUS_MALLOC_SIZE) >= budget->bytes;
}

bool store_db_refused(const struct store_db *db, const char *what, struct error *error)
{
    int code = db->sqlite ? sqlite.errcode(db->sqlite) & 0xff : SQLITE_NOMEM;
    /* The jail knows more about failures of files than SQLite reports. */
    bool is_of_files = code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_IOERR ||
                       code == SQLITE_READONLY || code == SQLITE_BUSY;
    if (is_of_files && !sqlite_jail_check(db->jail, error))
        return false;
    const char *reason = db->sqlite ? sqlite.errmsg(db->sqlite) : sqlite.errstr(code);
    if (code == SQLITE_INTERRUPT)
        return store_db_overdrawn(error);
    if (code == SQLITE_NOMEM && db->budget && may_exceed(db->budget))
        return error_set(error, "%s: SQLite needs more than %llu MiB of memory for it; " RESTORE,
                         what, (unsigned long long)db->budget->bytes >> 20);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return error_set(error, "%s: %s; " RESTORE, what, reason);
    if (code == SQLITE_BUSY)
        return error_set(error, "%s: another process keeps the database locked", what);
    return error_set(error, "%s: %s", what, reason);
}

bool store_db_run(const struct store_db *db, const char *sql, struct error *error)
{
    return sqlite.exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ||
           store_db_refused(db, STORE_DB_NAME, error);
}

bool store_db_prepare(const struct store_db *db, const char *sql, sqlite3_stmt **ret_statement,
                      struct error *error)
{
    return sqlite.prepare_v2(db->sqlite, sql, -1, ret_statement, NULL) == SQLITE_OK ||
           store_db_refused(db, STORE_DB_NAME, error);
}

void store_db_finalize(sqlite3_stmt **statement)
{
    if (*statement)
        sqlite.finalize(*statement);
    *statement = NULL;
}

bool store_db_bind(const struct store_db *db, sqlite3_stmt *statement, int parameter,
                   struct str text, struct error *error)
{
    return sqlite.bind_text(statement, parameter, text.data, (int)text.len, SQLITE_STATIC) ==
               SQLITE_OK ||
           store_db_refused(db, STORE_DB_NAME, error);
}

enum store_db_answer store_db_step(const struct store_db *db, sqlite3_stmt *statement,
                                   struct error *error)
{
    switch (sqlite.step(statement)) {
    case SQLITE_ROW:
        return STORE_DB_FOUND;
    case SQLITE_DONE:
        return STORE_DB_ABSENT;
    default:
        store_db_refused(db, STORE_DB_NAME, error);
        return STORE_DB_FAILED;
    }
}

struct str store_db_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite.column_text(statement, column);
    return (struct str){ text, text ? (size_t)sqlite.column_bytes(statement, column) : 0 };
}
