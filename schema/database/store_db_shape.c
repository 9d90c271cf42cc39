/* The shape is read from SQLite's own view of the schema (its pragmas), not from the SQL text,
 * which could mislead. Nothing is asked about an object before it is known to be a table, because a
 * view or a virtual table would be opened, and sqlite3_table_column_metadata of SQLite 3.53 crashes
 * on a virtual table that is not open. The pragmas are named "temp.pragma_…", because a table in the
 * database could be called "pragma_…". */
#include "schema/database/store_db_shape.h"

#include "schema/base/own.h"

#include <string.h>
#include <strings.h>

enum { COLUMNS_MAX = 9, NAME_SHOWN_MAX = 64 };

struct column {
    const char *name, *type;
    bool has_null; /* may be null */
};

static const struct table {
    const char *name;
    const char *key; /* columns of a unique index, each after a comma */
    struct column columns[COLUMNS_MAX + 1];
} tables[] = {
    { "ValidPaths",
      ",path",
      { { "id", "integer", false },
        { "path", "text", false },
        { "hash", "text", false },
        { "registrationTime", "integer", false },
        { "deriver", "text", true },
        { "narSize", "integer", true },
        { "ultimate", "integer", true },
        { "sigs", "text", true },
        { "ca", "text", true } } },
    { "Refs",
      ",referrer,reference",
      { { "referrer", "integer", false }, { "reference", "integer", false } } },
    { "DerivationOutputs",
      ",drv,id",
      { { "drv", "integer", false }, { "id", "text", false }, { "path", "text", false } } },
};

/* Additions of Nix and its relatives that are known to be harmless. */
static const char *const known_columns[] = { "provenance" };
static const char *const known_indexes[] = { "IndexReferrer", "IndexReference",
                                             "IndexDerivationOutputs" };

static bool is_one_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

void store_db_unknown_add(struct store_db_unknown *unknown, const char *what, struct str name)
{
    size_t used = strlen(unknown->text);
    if (name.len > NAME_SHOWN_MAX)
        name.len = NAME_SHOWN_MAX;
    if (unknown->count++ < STORE_DB_UNKNOWN_NAMED)
        snprintf(unknown->text + used, sizeof unknown->text - used, "%s%s '%.*s'", used ? ", " : "",
                 what, STR_ARG(name));
}

bool store_db_shape_is_ours(struct str table)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (table.len == strlen(tables[i].name) &&
            strncasecmp(table.data, tables[i].name, table.len) == 0)
            return true;
    return false;
}

static bool refuse(const struct table *table, struct error *error, const char *what,
                   struct str name, const char *fault)
{
    if (name.len > NAME_SHOWN_MAX)
        name.len = NAME_SHOWN_MAX;
    return error_set(error,
                     STORE_DB_NAME ": table %s: %s '%.*s' %s; use the Nix that made it, or a newer "
                                   "regd",
                     table->name, what, STR_ARG(name), fault);
}

static bool refuse_unfinished(const struct store_db *db, struct error *error)
{
    return error_set(error,
                     STORE_DB_NAME
                     ": %s: it is not a finished Nix database; restore it, or move it "
                     "and " STORE_DB_SCHEMA_NAME " away and register again",
                     sqlite.errmsg(db->sqlite));
}

static bool check_column(const struct store_db *db, const struct table *table,
                         const struct column *column, struct error *error)
{
    const char *type = NULL, *collation = NULL;
    int is_not_null, is_key, is_autoincrement;
    int code = sqlite.table_column_metadata(db->sqlite, "main", table->name, column->name, &type,
                                            &collation, &is_not_null, &is_key, &is_autoincrement);
    if ((code & 0xff) == SQLITE_ERROR)
        return refuse_unfinished(db, error);
    if (code != SQLITE_OK)
        return store_db_refused(db, STORE_DB_NAME, error);
    struct str name = str_from(column->name);
    if (!type || strcasecmp(type, column->type) != 0)
        return refuse(table, error, "column", name, "has another type than Nix gives it");
    if (!collation || strcasecmp(collation, "binary") != 0)
        return refuse(table, error, "column", name, "does not compare bytes");
    if (!column->has_null && !is_not_null && !is_key)
        return refuse(table, error, "column", name, "may be null");
    if (table == &tables[0] && column == &table->columns[0] && !is_autoincrement)
        return refuse(table, error, "column", name, "does not number the rows");
    return true;
}

static bool check_columns(const struct store_db *db, const struct table *table, struct error *error)
{
    for (const struct column *column = table->columns; column->name; column++)
        if (!check_column(db, table, column, error))
            return false;
    return true;
}

/* This statement opens no virtual table. Of a view, it resolves the columns before it is refused, as
 * views are not enabled; those that the view names are refused before theirs are. */
static bool check_is_stored(const struct store_db *db, const struct table *table,
                            struct error *error)
{
    char sql[128];
    cleanup(store_db_finalize) sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof sql, "select 1 from main.%s limit 0", table->name);
    if (sqlite.prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_NO_VTAB, &statement, NULL) ==
        SQLITE_OK)
        return true;
    return (sqlite.errcode(db->sqlite) & 0xff) == SQLITE_ERROR
               ? refuse_unfinished(db, error)
               : store_db_refused(db, STORE_DB_NAME, error);
}

static bool is_ours(const struct table *table, struct str name)
{
    for (const struct column *column = table->columns; column->name; column++)
        if (name.len == strlen(column->name) && strncasecmp(name.data, column->name, name.len) == 0)
            return true;
    return false;
}

/* Can the default call a function? Only with a parenthesis outside quotes. */
static bool may_call(struct str value)
{
    bool is_quoted = false;
    for (size_t i = 0; i < value.len; i++) {
        is_quoted ^= value.data[i] == '\'';
        if (value.data[i] == '(' && !is_quoted)
            return true;
    }
    return false;
}

static bool check_additions(const struct store_db *db, const struct table *table,
                            struct store_db_unknown *unknown, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *columns = NULL;
    if (!store_db_prepare(db,
                          "select name, \"notnull\", dflt_value, hidden "
                          "from temp.pragma_table_xinfo(?1, 'main')",
                          &columns, error) ||
        !store_db_bind(db, columns, 1, str_from(table->name), error))
        return false;
    enum store_db_answer answer;
    while ((answer = store_db_step(db, columns, error)) == STORE_DB_FOUND) {
        struct str name = store_db_text(columns, 0), value = store_db_text(columns, 2);
        if (sqlite.column_int64(columns, 3) != 0)
            return refuse(table, error, "column", name, "is generated");
        if (is_ours(table, name))
            continue;
        if (sqlite.column_int64(columns, 1) != 0 && value.len == 0)
            return refuse(table, error, "column", name, "must be given, and is unknown");
        if (may_call(value))
            return refuse(table, error, "column", name, "has a computed default");
        if (!is_one_of(name, known_columns, sizeof known_columns / sizeof *known_columns))
            store_db_unknown_add(unknown, "column", name);
    }
    return answer == STORE_DB_ABSENT;
}

/* The index whose columns are being read. */
struct index {
    char key[160];
    bool is_unique;
};

static void begin_index(struct index *index, sqlite3_stmt *row, struct store_db_unknown *unknown)
{
    struct str name = store_db_text(row, 0);
    *index = (struct index){ .is_unique = sqlite.column_int64(row, 1) != 0 };
    if (!str_starts(name, STR("sqlite_autoindex_")) &&
        !is_one_of(name, known_indexes, sizeof known_indexes / sizeof *known_indexes))
        store_db_unknown_add(unknown, "index", name);
}

/* A key that does not fit is cut, and a column with another collation gets a '?'. Neither is equal
 * to a key of ours. */
static void add_to_key(struct index *index, sqlite3_stmt *row)
{
    size_t used = strlen(index->key);
    struct str collation = store_db_text(row, 4);
    snprintf(index->key + used, sizeof index->key - used, ",%.*s%s", STR_ARG(store_db_text(row, 3)),
             str_equal(collation, STR("BINARY")) ? "" : "?");
}

static bool check_indexes(const struct store_db *db, const struct table *table,
                          struct store_db_unknown *unknown, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    if (!store_db_prepare(db,
                          "select l.name, l.\"unique\", l.partial, x.name, x.coll, x.cid, x.seqno "
                          "from temp.pragma_index_list(?1, 'main') as l, "
                          "temp.pragma_index_xinfo(l.name, 'main') as x "
                          "where x.key order by l.seq, x.seqno",
                          &rows, error) ||
        !store_db_bind(db, rows, 1, str_from(table->name), error))
        return false;
    bool has_key = false;
    struct index index = { 0 };
    enum store_db_answer answer;
    while ((answer = store_db_step(db, rows, error)) == STORE_DB_FOUND) {
        struct str name = store_db_text(rows, 0);
        if (sqlite.column_int64(rows, 2) != 0)
            return refuse(table, error, "index", name, "is of some rows only");
        if (sqlite.column_int64(rows, 5) < 0)
            return refuse(table, error, "index", name, "is of an expression");
        if (sqlite.column_int64(rows, 6) == 0) {
            has_key |= index.is_unique && strcasecmp(index.key, table->key) == 0;
            begin_index(&index, rows, unknown);
        }
        add_to_key(&index, rows);
    }
    has_key |= index.is_unique && strcasecmp(index.key, table->key) == 0;
    return answer == STORE_DB_ABSENT &&
           (has_key || refuse(table, error, "key", str_skip(str_from(table->key), 1),
                              "is not unique, as Nix makes it"));
}

bool store_db_shape_check(const struct store_db *db, struct store_db_unknown *unknown,
                          struct error *error)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!check_is_stored(db, &tables[i], error) || !check_columns(db, &tables[i], error) ||
            !check_additions(db, &tables[i], unknown, error) ||
            !check_indexes(db, &tables[i], unknown, error))
            return false;
    return true;
}
