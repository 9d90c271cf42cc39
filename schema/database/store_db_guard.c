#include "schema/database/store_db_guard.h"

#include "schema/base/own.h"

#include <assert.h>

enum {
    /* Steps of SQLite's virtual machine between two checks of the budget. */
    STEPS = 128,
    PAGE_READ_UNITS = 16,
    SCHEMA_UNITS = 20 * 1000,
    BYTE_UNITS = 2,
    ROW_UNITS = 2000,
    ROW_BYTES = 512,
};

static const uint64_t floor_units = 4 * 1000 * 1000;
static const uint64_t floor_bytes = (uint64_t)32 << 20;
static const uint64_t floor_text_bytes = (uint64_t)16 << 20;

/* The largest database that SQLite supports has 2^48 bytes. */
static const uint64_t database_bytes_max = (uint64_t)1 << 48;

/* Nix's longest statement has 600 bytes, and ours 700. The length limit is for a value and for a
 * whole row. Nix bounds neither; the longest values are signatures. */
static const struct {
    int limit, value;
} limits[] = {
    { SQLITE_LIMIT_LENGTH, 64 << 20 },
    { SQLITE_LIMIT_SQL_LENGTH, 16 << 10 },
    { SQLITE_LIMIT_COLUMN, 100 },
    { SQLITE_LIMIT_EXPR_DEPTH, 40 },
    { SQLITE_LIMIT_COMPOUND_SELECT, 10 },
    { SQLITE_LIMIT_VDBE_OP, 10000 },
    { SQLITE_LIMIT_FUNCTION_ARG, 16 },
    { SQLITE_LIMIT_ATTACHED, 0 },
    { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100 },
    { SQLITE_LIMIT_VARIABLE_NUMBER, 16 },
    { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
    { SQLITE_LIMIT_WORKER_THREADS, 0 },
};

static int status_of(sqlite3 *connection, int what)
{
    int since_asked = 0, highest;
    sqlite.db_status(connection, what, &since_asked, &highest, 1);
    return since_asked;
}

/* SQLite calls this every STEPS steps. A result other than 0 ends the statement. */
static int spend(void *context)
{
    struct store_db_budget *budget = context;
    int missed = status_of(budget->connection, SQLITE_DBSTATUS_CACHE_MISS);
    int found = status_of(budget->connection, SQLITE_DBSTATUS_CACHE_HIT);
    uint64_t units = STEPS + (uint64_t)found + (uint64_t)missed * (1 + PAGE_READ_UNITS);
    budget->is_spent = units > budget->units;
    budget->units = budget->is_spent ? 0 : budget->units - units;
    return budget->is_spent;
}

static void set_bytes(struct store_db_budget *budget, uint64_t bytes)
{
    budget->bytes = bytes;
    sqlite.hard_heap_limit64((sqlite3_int64)bytes);
}

static bool configure(sqlite3 *connection, int what, int value)
{
    int is_set = -1;
    return sqlite.db_config(connection, what, value, &is_set) == SQLITE_OK && is_set == value;
}

/* Defensive mode forbids turning the journal off, as a new database does. A new database contains
 * only our own data, so it needs no defence. */
static bool configure_all(const struct store_db *db)
{
    return configure(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, !db->is_new) &&
           configure(db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0) &&
           configure(db->sqlite, SQLITE_DBCONFIG_ENABLE_VIEW, 0) &&
           configure(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0) &&
           configure(db->sqlite, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0) &&
           configure(db->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 0) &&
           configure(db->sqlite, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0);
}

bool store_db_guard(struct store_db *db, struct error *error)
{
    assert(db->sqlite && !db->budget);
    db->budget = sqlite.malloc(sizeof *db->budget);
    if (!db->budget)
        return error_set(error, "SQLite: no memory");
    *db->budget = (struct store_db_budget){ .connection = db->sqlite, .units = SCHEMA_UNITS };
    set_bytes(db->budget, floor_bytes);
    if (!configure_all(db))
        return error_set(
            error,
            "SQLite cannot be kept from running a database's own SQL; install version 3.40 or "
            "newer");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite.limit(db->sqlite, limits[i].limit, limits[i].value);
    sqlite.progress_handler(db->sqlite, STEPS, spend, db->budget);
    /* A new database contains only our own rows. So it may use temporary files for sorting. */
    if (!db->is_new && !store_db_run(db, "pragma temp_store = memory", error))
        return false;
    return store_db_run(db,
                        "pragma mmap_size = 0; pragma cell_size_check = 1; "
                        "pragma ignore_check_constraints = 1",
                        error);
}

bool store_db_measure(const struct store_db *db, struct error *error)
{
    uint64_t numbers[2]; /* page count, page size */
    static const char *const queries[] = { "pragma main.page_count", "pragma main.page_size" };
    for (size_t i = 0; i < 2; i++) {
        cleanup(store_db_finalize) sqlite3_stmt *query = NULL;
        if (!store_db_prepare(db, queries[i], &query, error) ||
            store_db_step(db, query, error) != STORE_DB_FOUND)
            return false;
        numbers[i] = (uint64_t)sqlite.column_int64(query, 0);
    }
    uint64_t bytes = numbers[0] * numbers[1];
    assert(bytes <= database_bytes_max);
    db->budget->units = floor_units + bytes * BYTE_UNITS;
    db->budget->text_bytes = floor_text_bytes + bytes * 2;
    set_bytes(db->budget, floor_bytes + bytes);
    return true;
}

void store_db_allow(const struct store_db *db, size_t rows)
{
    db->budget->units += (uint64_t)rows * ROW_UNITS;
    set_bytes(db->budget, db->budget->bytes + (uint64_t)rows * ROW_BYTES);
}

bool store_db_charge(const struct store_db *db, size_t text_bytes, struct error *error)
{
    if (text_bytes > db->budget->text_bytes)
        return store_db_overdrawn(error);
    db->budget->text_bytes -= text_bytes;
    return true;
}
