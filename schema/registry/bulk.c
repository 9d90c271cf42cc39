#include "schema/registry/bulk.h"

#include <assert.h>
#include <stdlib.h>

struct bulk_table {
    sqlite3_vtab base;
    const struct bulk_rows *rows;
};

struct bulk_cursor {
    sqlite3_vtab_cursor base;
    size_t row;
};

static const struct bulk_rows *rows_of(const sqlite3_vtab_cursor *cursor)
{
    return ((const struct bulk_table *)cursor->pVtab)->rows;
}

static int bulk_connect(sqlite3 *connection, void *rows, int argc, const char *const *argv,
                        sqlite3_vtab **ret_table, char **ret_message)
{
    (void)argc, (void)argv, (void)ret_message;
    int code =
        sqlite.declare_vtab(connection, "create table bulk (c0, c1, c2, c3, c4, c5, c6, c7, c8)");
    if (code != SQLITE_OK)
        return code;
    struct bulk_table *table = sqlite.malloc(sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    *table = (struct bulk_table){ .rows = rows };
    *ret_table = &table->base;
    return SQLITE_OK;
}

static int bulk_disconnect(sqlite3_vtab *table)
{
    sqlite.free(table);
    return SQLITE_OK;
}

static int bulk_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    info->estimatedRows = (sqlite3_int64)((struct bulk_table *)table)->rows->count;
    return SQLITE_OK;
}

static int bulk_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret_cursor)
{
    (void)table;
    struct bulk_cursor *cursor = sqlite.malloc(sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    *cursor = (struct bulk_cursor){ 0 };
    *ret_cursor = &cursor->base;
    return SQLITE_OK;
}

static int bulk_close(sqlite3_vtab_cursor *cursor)
{
    sqlite.free(cursor);
    return SQLITE_OK;
}

static int bulk_filter(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argc,
                       sqlite3_value **argv)
{
    (void)plan, (void)plan_text, (void)argc, (void)argv;
    ((struct bulk_cursor *)cursor)->row = 0;
    return SQLITE_OK;
}

static int bulk_next(sqlite3_vtab_cursor *cursor)
{
    ((struct bulk_cursor *)cursor)->row++;
    return SQLITE_OK;
}

static int bulk_eof(sqlite3_vtab_cursor *cursor)
{
    return ((struct bulk_cursor *)cursor)->row >= rows_of(cursor)->count;
}

static int bulk_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
    const struct bulk_rows *rows = rows_of(cursor);
    assert(((struct bulk_cursor *)cursor)->row < rows->count);
    rows->cell(rows->context, ((struct bulk_cursor *)cursor)->row, column, result);
    return SQLITE_OK;
}

static int bulk_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret_rowid)
{
    *ret_rowid = (sqlite3_int64)((struct bulk_cursor *)cursor)->row;
    return SQLITE_OK;
}

static const sqlite3_module bulk_module = {
    .xConnect = bulk_connect,
    .xDisconnect = bulk_disconnect,
    .xBestIndex = bulk_best_index,
    .xOpen = bulk_open,
    .xClose = bulk_close,
    .xFilter = bulk_filter,
    .xNext = bulk_next,
    .xEof = bulk_eof,
    .xColumn = bulk_column,
    .xRowid = bulk_rowid,
};

bool bulk_run_any(const struct store_db *db, const char *sql, const struct bulk_rows *rows,
                  struct error *error)
{
    assert(rows->cell && sqlite.step);
    if (rows->count == 0)
        return true;
    if (sqlite.create_module(db->sqlite, "bulk", &bulk_module, (void *)rows) != SQLITE_OK)
        return error_set(error, "SQLite: %s", sqlite.errmsg(db->sqlite));
    return store_db_run(db, sql, error);
}

bool bulk_run(const struct store_db *db, const char *sql, const struct bulk_rows *rows,
              struct error *error)
{
    if (!bulk_run_any(db, sql, rows, error))
        return false;
    long long changed = rows->count ? sqlite.changes64(db->sqlite) : 0;
    return changed == (long long)rows->count ||
           error_set(error,
                     STORE_DB_NAME ": SQLite has changed %lld of %zu rows; nothing is changed",
                     changed, rows->count);
}
