#include "schema/database/store_db_open.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_db_check.h"
#include "schema/database/store_db_guard.h"
#include "schema/database/store_sql.h"

#include <assert.h>
#include <errno.h>
#include <sys/file.h>

enum { SCHEMA_WRITE_WAIT_MS = 3 * 1000 };

/* Takes the big lock shared, waiting for an exclusive holder. */
static bool lock_shared(const struct store_db *db, struct error *error)
{
    for (int waited_ms = 0; flock(db->lock, LOCK_SH | LOCK_NB) < 0;
         waited_ms += STORE_DB_WAIT_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, errno, "lock " STORE_DB_LOCK_NAME);
        if (waited_ms >= STORE_DB_WAIT_MS)
            return error_set(error,
                             STORE_DB_LOCK_NAME ": another process has kept it locked for %d s",
                             STORE_DB_WAIT_MS / 1000);
        store_db_tell_waiting(db->store, db->directory, STORE_DB_LOCK_NAME, waited_ms);
        store_db_wait_step();
    }
    return true;
}

static bool open_lock(const struct store *store, struct arena scratch, struct store_db *db,
                      struct error *error)
{
    const char *path = arena_format(&scratch, "%s/db", store->state_dir.data).data;
    db->directory = root_make_directory(store->root, path);
    if (db->directory < 0)
        return error_errno(error, -db->directory, "create the directory %s", path);
    db->lock = file_open_regular(db->directory, STORE_DB_LOCK_NAME, O_RDWR | O_CREAT, 0600, error);
    return db->lock >= 0;
}

/* Removes the logs of a database that is gone. SQLite would replay them into the new one. */
static bool remove_leftovers(const struct store_db *db, struct error *error)
{
    static const char *const names[] = { STORE_DB_NAME "-wal", STORE_DB_NAME "-shm",
                                         STORE_DB_NAME "-journal" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(db->directory, names[i], 0) < 0 && errno != ENOENT)
            return error_errno(error, errno, "remove %s", names[i]);
    return true;
}

/* Nobody sees a new database before it is complete. So it needs neither a journal nor syncing:
 * after a failure the draft is dropped. */
bool store_db_begin_new(struct store_db *db, struct error *error)
{
    assert(db->is_new);
    return store_db_open_sqlite(db, SQLITE_OPEN_READWRITE, false, error) &&
           store_db_run(db,
                        "pragma journal_mode = off; pragma synchronous = off; "
                        "pragma locking_mode = exclusive; begin;",
                        error) &&
           store_db_measure(db, error) && store_db_run(db, store_sql, error) &&
           store_db_run(db, "insert into main.SchemaMigrations values ('" STORE_SQL_MIGRATION "')",
                        error);
}

/* Opens an existing database, or creates one in place. The cache is small, because few pages are
 * used twice. Reading them again takes less time than touching new memory for a larger cache. */
static bool start_existing(const struct store *store, struct store_db *db, struct arena scratch,
                           struct error *error)
{
    enum store_db_answer schema = store_db_check_schema(db, scratch, error);
    int create = schema == STORE_DB_ABSENT ? SQLITE_OPEN_CREATE : 0;
    db->is_finished = schema == STORE_DB_FOUND;
    if (schema == STORE_DB_FAILED ||
        !store_db_open_sqlite(db, SQLITE_OPEN_READWRITE | create, false, error) ||
        !store_db_run(db,
                      "pragma synchronous = normal; pragma cache_size = -512; "
                      "begin immediate;",
                      error) ||
        !store_db_measure(db, error))
        return false;
    if (create &&
        (!store_db_run(db, store_sql, error) || !store_db_run(db, store_index_sql, error)))
        return false;
    return store_db_check(db, store, error);
}

/* Do we hold the big lock alone, and is there still no database? Another process may have created
 * one since the caller looked. */
static bool lock_alone(const struct store *store, struct store_db *db, struct arena scratch,
                       bool *ret_alone, struct error *error)
{
    *ret_alone = flock(db->lock, LOCK_EX | LOCK_NB) == 0;
    if (!*ret_alone)
        return errno == EWOULDBLOCK || error_errno(error, errno, "lock " STORE_DB_LOCK_NAME);
    enum store_db_answer there = store_db_look(store, db, scratch, error);
    *ret_alone = there == STORE_DB_ABSENT;
    return there != STORE_DB_FAILED;
}

bool store_db_open_write(const struct store *store, struct arena scratch, struct store_db *ret_db,
                         struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    db.store = store;
    db.is_writable = true;
    if (!open_lock(store, scratch, &db, error))
        return false;
    bool alone = false;
    enum store_db_answer there = store_db_look(store, &db, scratch, error);
    if (there == STORE_DB_FAILED ||
        (there == STORE_DB_ABSENT && !lock_alone(store, &db, scratch, &alone, error)))
        return false;
    if (alone) {
        db.is_new = true;
        if (!remove_leftovers(&db, error) ||
            !draft_open(db.directory, STORE_DB_NAME, &db.draft, error) ||
            !draft_open(db.directory, STORE_DB_SCHEMA_NAME, &db.schema, error) ||
            !file_write((struct file){ db.schema.fd, STORE_DB_SCHEMA_NAME }, STORE_SCHEMA_VERSION,
                        sizeof STORE_SCHEMA_VERSION - 1, error))
            return false;
    } else if (!lock_shared(&db, error) || !start_existing(store, &db, scratch, error)) {
        return false;
    }
    store_db_give(&db, ret_db);
    return true;
}

/* Another process may be creating the same database in place, and write `schema` too. Either may be
 * first. */
static bool write_schema(const struct store_db *db, struct error *error)
{
    struct stat status;
    if (db->is_finished)
        return true;
    for (int waited_ms = 0;; waited_ms += STORE_DB_WAIT_STEP_MS) {
        if (file_publish(db->directory, STORE_DB_SCHEMA_NAME, STR(STORE_SCHEMA_VERSION), 0644,
                         error))
            return true;
        if (waited_ms >= SCHEMA_WRITE_WAIT_MS)
            return false;
        store_db_wait_step();
        if (fstatat(db->directory, STORE_DB_SCHEMA_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_size == sizeof STORE_SCHEMA_VERSION - 1)
            return true;
    }
}

/* The journal mode is stored in the file's header, so it is set last. If SQLite cannot set it, that
 * is no error: SQLite returns the mode that remains. */
static bool set_wal(const struct store_db *db, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *mode = NULL;
    if (!store_db_prepare(db, "pragma journal_mode = wal", &mode, error) ||
        store_db_step(db, mode, error) != STORE_DB_FOUND)
        return false;
    return str_equal(store_db_text(mode, 0), STR("wal")) ||
           error_set(error, STORE_DB_NAME ": its journal mode could not be set");
}

static bool close_new(struct store_db *db, struct error *error)
{
    if (!store_db_run(db, store_index_sql, error) || !store_db_run(db, "commit", error) ||
        !set_wal(db, error))
        return false;
    if (sqlite.close(db->sqlite) != SQLITE_OK)
        return store_db_refused(db, "close " STORE_DB_NAME, error);
    db->sqlite = NULL; /* already closed; the next call releases the rest */
    store_db_close_sqlite(db);
    return true;
}

bool store_db_commit(struct store_db *db, struct error *error)
{
    if (!db->is_new)
        return store_db_run(db, "commit", error) && write_schema(db, error);
    if (db->sqlite && !close_new(db, error))
        return false;
    return draft_publish_pair(&db->draft, &db->schema, 0644, error);
}

void store_db_close(struct store_db *db)
{
    store_db_close_sqlite(db);
    draft_release(&db->draft);
    draft_release(&db->schema);
    own_close(&db->lock);
    own_close(&db->directory);
    *db = STORE_DB_CLOSED;
}

enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return store_db_open_directory(store, scratch, &db, error);
}
