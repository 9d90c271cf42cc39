/* store_db_read.c — opening a store's database to read it: see store_db.h. */
#include "schema/database/store_db_open.h"

#include "schema/base/own.h"
#include "schema/database/store_db_check.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

/* A copy larger than this is not made. */
static const size_t database_copy_bytes_max = (size_t)8 << 30;

enum { DATABASE_HEADER_BYTES = 100, READ_WAIT_MS = 3 * 1000 };

/* What shows that a file was not changed. */
static bool is_unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_ino == after->st_ino && before->st_size == after->st_size &&
           before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

static bool has_wal(const char *path, struct arena scratch)
{
    struct stat status;
    return stat(arena_format(&scratch, "%s-wal", path).data, &status) == 0 && status.st_size > 0;
}

/* Reads the file whole. *ret_whole is false if somebody wrote meanwhile. */
static bool read_whole(const char *path, struct arena *arena, struct str *ret_bytes,
                       bool *ret_whole, struct error *error)
{
    struct stat before, after;
    cleanup(own_close) int fd = open(path, STORE_DB_PLAIN_FILE | O_RDONLY);
    if (fd < 0 || fstat(fd, &before) < 0)
        return error_errno(error, errno, "open %s", path);
    if (!file_read_fd(fd, path, database_copy_bytes_max, arena, ret_bytes, error))
        return false;
    *ret_whole = stat(path, &after) == 0 && is_unchanged(&before, &after) &&
                 !has_wal(path, *arena) && ret_bytes->len >= DATABASE_HEADER_BYTES;
    return true;
}

/* A database in WAL mode can only be opened where SQLite may write or another has it open. Without
 * a WAL it is just a file, which is read whole; a copy in memory cannot have a WAL, so its header
 * says that there is none. */
static bool open_copy(struct store_db *db, const char *path, struct arena *arena, bool *ret_whole,
                      struct error *error)
{
    struct str bytes;
    if (!read_whole(path, arena, &bytes, ret_whole, error) || !*ret_whole)
        return *ret_whole;
    char *header = (char *)bytes.data;
    header[18] = header[19] = 1;
    store_db_close_sqlite(db);
    return store_db_open_sqlite(db, ":memory:", SQLITE_OPEN_READWRITE, error) &&
           (sqlite.deserialize(db->sqlite, "main", (unsigned char *)header,
                               (sqlite3_int64)bytes.len, (sqlite3_int64)bytes.len,
                               SQLITE_DESERIALIZE_READONLY) == SQLITE_OK ||
            store_db_refused(db, path, error));
}

/* Begins to read one state of the database. */
static bool begin_read(const struct store_db *db, const struct store *store, struct error *error)
{
    return store_db_run(db, "pragma query_only = 1; begin", error) &&
           store_db_check(db, store, error);
}

/* Opens the file itself, or where that is not possible a copy. While others open and close it, each
 * can fail for a moment. */
static bool open_readable(struct store_db *db, const struct store *store, struct arena *arena,
                          struct error *error)
{
    const char *path;
    if (!store_db_real_path(store, db, STORE_DB_NAME, arena, &path, error))
        return false;
    for (int waited_ms = 0;; waited_ms += STORE_DB_WAIT_STEP_MS) {
        bool whole = false;
        store_db_close_sqlite(db);
        /* A connection that may write takes -wal and -shm away when it closes as the last one. Where
         * the file cannot be written, SQLite opens it for reading. */
        if (!store_db_open_sqlite(db, path, SQLITE_OPEN_READWRITE, error))
            return false;
        if (begin_read(db, store, error))
            return true;
        int code = sqlite.errcode(db->sqlite) & 0xff;
        if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY && code != SQLITE_BUSY)
            return false;
        if (!has_wal(path, *arena) && open_copy(db, path, arena, &whole, error))
            return begin_read(db, store, error);
        if (whole || waited_ms >= READ_WAIT_MS)
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
    /* Whoever may not open the lock can still read: nothing that is made under it is half-done. */
    db.lock = openat(db.directory, STORE_DB_LOCK_NAME, STORE_DB_PLAIN_FILE | O_RDONLY);
    if (db.lock >= 0 && flock(db.lock, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK) {
        error_errno(error, errno, "lock " STORE_DB_LOCK_NAME);
        return STORE_DB_FAILED;
    }
    if (!open_readable(&db, store, arena, error))
        return STORE_DB_FAILED;
    store_db_give(&db, ret_db);
    return STORE_DB_FOUND;
}
