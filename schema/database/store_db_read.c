/* store_db_read.c — opens a store's database for reading: see store_db.h. */
#include "schema/database/store_db_open.h"

#include "schema/base/own.h"
#include "schema/database/store_db_check.h"
#include "schema/database/store_db_guard.h"

#include <errno.h>
#include <sys/file.h>

/* How long to try again if a database cannot be opened because others open and close it. */
enum { READ_WAIT_MS = 3 * 1000 };

/* Begins to read one state of the database. */
static bool begin_read(const struct store_db *db, const struct store *store, struct error *error)
{
    return store_db_run(db, "pragma query_only = 1; begin", error) && store_db_measure(db, error) &&
           store_db_check(db, store, error);
}

/* Unless `still`, opens the database for writing if possible, otherwise for reading. Only a
 * connection that may write deletes -wal and -shm when it is the last one that closes. */
static bool read_as(struct store_db *db, const struct store *store, bool still, struct error *error)
{
    int flags = still ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    store_db_close_sqlite(db);
    return store_db_open_sqlite(db, flags, still, error) && begin_read(db, store, error);
}

/* Can the failure be temporary, or caused by missing write permission? */
static bool is_passing(const struct store_db *db)
{
    int code = db->sqlite ? sqlite.errcode(db->sqlite) & 0xff : SQLITE_NOMEM;
    return code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_BUSY;
}

/* Tries to read with a log and its index, which may have to be created. If that is not possible,
 * reads without them (`still`). */
static bool open_readable(struct store_db *db, const struct store *store, struct error *error)
{
    for (int waited_ms = 0;; waited_ms += STORE_DB_WAIT_STEP_MS) {
        if (read_as(db, store, false, error))
            return true;
        if (!is_passing(db))
            return false;
        if (read_as(db, store, true, error))
            return true;
        if (!is_passing(db) || waited_ms >= READ_WAIT_MS)
            return false;
        store_db_wait_step();
    }
}

enum store_db_answer store_db_open_read(const struct store *store, struct arena *arena,
                                        struct store_db *ret_db, struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    db.store = store;
    enum store_db_answer answer = store_db_open_directory(store, *arena, &db, error);
    if (answer == STORE_DB_FOUND)
        answer = store_db_check_schema(&db, *arena, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    /* A reader without permission to open the lock does without it. No half-finished state is ever
     * visible. */
    struct error unused;
    db.lock = file_open_regular(db.directory, STORE_DB_LOCK_NAME, O_RDONLY, 0, &unused);
    if (db.lock >= 0 && flock(db.lock, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK) {
        error_errno(error, errno, "lock " STORE_DB_LOCK_NAME);
        return STORE_DB_FAILED;
    }
    if (!open_readable(&db, store, error))
        return STORE_DB_FAILED;
    store_db_give(&db, ret_db);
    return STORE_DB_FOUND;
}
