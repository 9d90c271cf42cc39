#include "schema/store_db.h"

#include "schema/base/lock_holder.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/store_db_check.h"
#include "schema/store_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_NAME "big-lock"

/* Neither links nor what would block are followed: these files are ours and Nix's alone. */
enum { PLAIN_FILE = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

/* A copy larger than this is not made. */
static const size_t database_copy_bytes_max = (size_t)8 << 30;

enum {
    DATABASE_HEADER_BYTES = 100,
    WAIT_STEP_MS = 20,
    SCHEMA_WAIT_MS = 2 * 1000,
    STORE_DB_READ_WAIT_MS = 3 * 1000,
};

static void wait_step(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = WAIT_STEP_MS * 1000000L }, NULL);
}

/* Tells once a second whom the wait is for: who holds a lock on the file of that name. */
static void tell_waiting(const struct store *store, int directory, const char *name, int waited_ms)
{
    char holder[96];
    if (!store->waiting || waited_ms == 0 || waited_ms % 1000 != 0)
        return;
    lock_holder_find(directory, name, holder, sizeof holder);
    store->waiting(store->waiting_context, "the Nix database", holder, (unsigned)waited_ms / 1000);
}

static const char *db_path(const struct store *store, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/db/%s", store->state_dir.data, name).data;
}

/* FOUND: the schema file says that the database is finished and of our version. ABSENT: it does not
 * say so; a version of 0 is as good as none, for Nix too. */
static enum store_db_answer check_schema(const struct store_db *db, struct arena scratch,
                                         struct error *error)
{
    struct str text = { 0 };
    /* Nix empties the file before it writes it, so an empty one is looked at again. */
    for (int waited_ms = 0; text.len == 0 && waited_ms < SCHEMA_WAIT_MS;
         waited_ms += WAIT_STEP_MS) {
        cleanup(own_close) int fd =
            openat(db->directory, STORE_DB_SCHEMA_NAME, PLAIN_FILE | O_RDONLY);
        if (fd < 0 && errno == ENOENT)
            return STORE_DB_ABSENT;
        if (fd < 0) {
            error_errno(error, errno, "open " STORE_DB_SCHEMA_NAME);
            return STORE_DB_FAILED;
        }
        if (!file_read_fd(fd, STORE_DB_SCHEMA_NAME, 64, &scratch, &text, error))
            return STORE_DB_FAILED;
        if (text.len == 0)
            wait_step();
    }
    uint64_t version;
    if (str_equal(text, STR(STORE_SCHEMA_VERSION)))
        return STORE_DB_FOUND;
    if (str_equal(text, STR("0")))
        return STORE_DB_ABSENT;
    if (!str_to_number(text, UINT32_MAX, &version))
        error_set(error, STORE_DB_SCHEMA_NAME ": '%.*s' is not a schema version", STR_ARG(text));
    else if (version > 10)
        error_set(error,
                  "the database has schema version %llu, newer than " STORE_SCHEMA_VERSION
                  ": use the regd or Nix that made it",
                  (unsigned long long)version);
    else
        error_set(error,
                  "the database has schema version %llu, older than " STORE_SCHEMA_VERSION
                  ": run 'nix-store --verify' once to upgrade it",
                  (unsigned long long)version);
    return STORE_DB_FAILED;
}

/* Opens STATE_DIR/db; STORE_DB_ABSENT if it or the database in it is not there. */
static enum store_db_answer open_directory(const struct store *store, struct arena scratch,
                                           struct store_db *db, struct error *error)
{
    const char *path = db_path(store, &scratch, ".");
    db->directory = root_open(store->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (db->directory == -ENOENT)
        return STORE_DB_ABSENT;
    if (db->directory < 0) {
        error_errno(error, -db->directory, "open %s", path);
        return STORE_DB_FAILED;
    }
    struct stat status = { 0 };
    /* In this order: whoever makes a database makes `schema` last, so where it is, all is. */
    enum store_db_answer schema = check_schema(db, scratch, error);
    if (schema == STORE_DB_FAILED)
        return STORE_DB_FAILED;
    cleanup(own_close) int file =
        root_open(store->root, db_path(store, &scratch, STORE_DB_NAME), O_PATH, 0);
    bool finished = schema == STORE_DB_FOUND;
    if (file >= 0 && fstat(file, &status) == 0 && (status.st_size > 0 || finished))
        return STORE_DB_FOUND;
    if (file < 0 && file != -ENOENT)
        error_errno(error, -file, "open %s", db_path(store, &scratch, STORE_DB_NAME));
    else if (!finished)
        return STORE_DB_ABSENT;
    else
        error_set(error,
                  "%s says that there is a database, but " STORE_DB_NAME
                  " is missing: restore it, or "
                  "remove " STORE_DB_SCHEMA_NAME " and register again",
                  db_path(store, &scratch, STORE_DB_SCHEMA_NAME));
    return STORE_DB_FAILED;
}

enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return open_directory(store, scratch, &db, error);
}

/* The name by which SQLite has to open a file of the database's directory, which may have been
 * reached through links: its real path. */
static bool real_path(const struct store *store, const struct store_db *db, const char *name,
                      struct arena *arena, const char **ret_path, struct error *error)
{
    char path[PATH_MAX];
    cleanup(own_close) int file = root_open(store->root, db_path(store, arena, name), O_PATH, 0);
    int known = file >= 0 ? file : db->directory;
    const char *entry = arena_format(arena, "/proc/self/fd/%d", known).data;
    ssize_t length = readlink(entry, path, sizeof path);
    if (length < 0)
        return error_errno(error, errno, "read %s (is /proc mounted?)", entry);
    if ((size_t)length >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "find %s", name);
    *ret_path = arena_format(arena, "%.*s%s%s", (int)length, path, file >= 0 ? "" : "/",
                             file >= 0 ? "" : name)
                    .data;
    return true;
}

/* Called by SQLite while the database is locked; 0 gives up. Writers lock the -shm file of a WAL. */
static int wait_for_lock(void *context, int count)
{
    const struct store_db *db = context;
    struct stat status;
    int waited_ms = count * WAIT_STEP_MS;
    const char *name = fstatat(db->directory, STORE_DB_NAME "-shm", &status, 0) == 0
                           ? STORE_DB_NAME "-shm"
                           : STORE_DB_NAME;
    if (waited_ms >= STORE_DB_WAIT_MS)
        return 0;
    tell_waiting(db->store, db->directory, name, waited_ms);
    wait_step();
    return 1;
}

static void close_sqlite(struct store_db *db)
{
    if (db->sqlite)
        sqlite.close(db->sqlite);
    db->sqlite = NULL;
}

static bool open_sqlite(struct store_db *db, const char *path, int flags, struct error *error)
{
    if (!sqlite_load(error))
        return false;
    int code = sqlite.open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return store_db_refused(db, path, error);
    sqlite.busy_handler(db->sqlite, wait_for_lock, db);
    sqlite.extended_result_codes(db->sqlite, 0);
    return true;
}

/* Hands the open database over; SQLite has to learn where it is now. */
static void give(struct store_db *db, struct store_db *ret_db)
{
    *ret_db = *db;
    *db = STORE_DB_CLOSED;
    if (ret_db->sqlite)
        sqlite.busy_handler(ret_db->sqlite, wait_for_lock, ret_db);
}

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
    cleanup(own_close) int fd = open(path, PLAIN_FILE | O_RDONLY);
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
    close_sqlite(db);
    return open_sqlite(db, ":memory:", SQLITE_OPEN_READWRITE, error) &&
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
    if (!real_path(store, db, STORE_DB_NAME, arena, &path, error))
        return false;
    for (int waited_ms = 0;; waited_ms += WAIT_STEP_MS) {
        bool whole = false;
        close_sqlite(db);
        /* A connection that may write takes -wal and -shm away when it closes as the last one. Where
         * the file cannot be written, SQLite opens it for reading. */
        if (!open_sqlite(db, path, SQLITE_OPEN_READWRITE, error))
            return false;
        if (begin_read(db, store, error))
            return true;
        int code = sqlite.errcode(db->sqlite) & 0xff;
        if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY && code != SQLITE_BUSY)
            return false;
        if (!has_wal(path, *arena) && open_copy(db, path, arena, &whole, error))
            return begin_read(db, store, error);
        if (whole || waited_ms >= STORE_DB_READ_WAIT_MS)
            return false;
        wait_step();
    }
}

enum store_db_answer store_db_open_read(const struct store *store, struct arena *arena,
                                        struct store_db *ret_db, struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    db.store = store;
    enum store_db_answer answer = open_directory(store, *arena, &db, error);
    if (answer == STORE_DB_FOUND)
        answer = check_schema(&db, *arena, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    /* Whoever may not open the lock can still read: nothing that is made under it is half-done. */
    db.lock = openat(db.directory, LOCK_NAME, PLAIN_FILE | O_RDONLY);
    if (db.lock >= 0 && flock(db.lock, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK) {
        error_errno(error, errno, "lock " LOCK_NAME);
        return STORE_DB_FAILED;
    }
    if (!open_readable(&db, store, arena, error))
        return STORE_DB_FAILED;
    give(&db, ret_db);
    return STORE_DB_FOUND;
}

/* Takes the big lock shared, waiting for an exclusive holder. */
static bool lock_shared(const struct store_db *db, struct error *error)
{
    for (int waited_ms = 0; flock(db->lock, LOCK_SH | LOCK_NB) < 0; waited_ms += WAIT_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, errno, "lock " LOCK_NAME);
        if (waited_ms >= STORE_DB_WAIT_MS)
            return error_set(error, LOCK_NAME ": another process has kept it locked for %d s",
                             STORE_DB_WAIT_MS / 1000);
        tell_waiting(db->store, db->directory, LOCK_NAME, waited_ms);
        wait_step();
    }
    return true;
}

static bool open_lock(const struct store *store, struct arena scratch, struct store_db *db,
                      struct error *error)
{
    const char *path = arena_format(&scratch, "%s/db", store->state_dir.data).data;
    db->directory = root_make_directory(store->root, path);
    if (db->directory < 0)
        return error_errno(error, -db->directory, "make the directory %s", path);
    db->lock = openat(db->directory, LOCK_NAME, PLAIN_FILE | O_RDWR | O_CREAT, 0600);
    return db->lock >= 0 || error_errno(error, errno, "open %s/" LOCK_NAME, path);
}

/* Removes what a database that is gone has left: beside a new file it would be replayed. */
static bool remove_leftovers(const struct store_db *db, struct error *error)
{
    static const char *const names[] = { STORE_DB_NAME "-wal", STORE_DB_NAME "-shm",
                                         STORE_DB_NAME "-journal" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(db->directory, names[i], 0) < 0 && errno != ENOENT)
            return error_errno(error, errno, "remove %s", names[i]);
    return true;
}

/* Nobody sees it before it is complete, so it needs neither journal nor syncing, and a failure
 * only means that the draft is dropped. */
bool store_db_begin_new(const struct store *store, struct store_db *db, struct arena scratch,
                        struct error *error)
{
    const char *path;
    assert(db->is_new);
    return real_path(store, db, db->draft.temporary_name, &scratch, &path, error) &&
           open_sqlite(db, path, SQLITE_OPEN_READWRITE, error) &&
           store_db_run(db,
                        "pragma journal_mode = off; pragma synchronous = off; "
                        "pragma locking_mode = exclusive; begin;",
                        error) &&
           store_db_run(db, store_sql, error) &&
           store_db_run(db, "insert into SchemaMigrations values ('" STORE_SQL_MIGRATION "')",
                        error);
}

/* An existing database, or one to be made in place. Of its pages few are looked at twice: reading
 * such a one again takes less than a larger cache, which is memory that was never touched. */
static bool start_existing(const struct store *store, struct store_db *db, struct arena scratch,
                           struct error *error)
{
    const char *path;
    enum store_db_answer schema = check_schema(db, scratch, error);
    int create = schema == STORE_DB_ABSENT ? SQLITE_OPEN_CREATE : 0;
    db->is_finished = schema == STORE_DB_FOUND;
    if (schema == STORE_DB_FAILED || !real_path(store, db, STORE_DB_NAME, &scratch, &path, error) ||
        !open_sqlite(db, path, SQLITE_OPEN_READWRITE | create, error) ||
        !store_db_run(db,
                      "pragma synchronous = normal; pragma cache_size = -512; "
                      "begin immediate;",
                      error))
        return false;
    if (create && (!store_db_check_migrations(db, error) || !store_db_run(db, store_sql, error) ||
                   !store_db_run(db, store_index_sql, error)))
        return false;
    return store_db_check(db, store, error);
}

/* Alone with the big lock, and there is no database? It may have been made since one looked. */
static bool lock_alone(const struct store *store, struct store_db *db, struct arena scratch,
                       bool *ret_alone, struct error *error)
{
    *ret_alone = flock(db->lock, LOCK_EX | LOCK_NB) == 0;
    if (!*ret_alone)
        return errno == EWOULDBLOCK || error_errno(error, errno, "lock " LOCK_NAME);
    enum store_db_answer there = store_db_find(store, scratch, error);
    *ret_alone = there == STORE_DB_ABSENT;
    return there != STORE_DB_FAILED;
}

bool store_db_open_write(const struct store *store, struct arena scratch, struct store_db *ret_db,
                         struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    db.store = store;
    if (!open_lock(store, scratch, &db, error))
        return false;
    bool alone = false;
    enum store_db_answer there = store_db_find(store, scratch, error);
    if (there == STORE_DB_FAILED ||
        (there == STORE_DB_ABSENT && !lock_alone(store, &db, scratch, &alone, error)))
        return false;
    if (alone) {
        db.is_new = true;
        if (!remove_leftovers(&db, error) ||
            !draft_open(db.directory, STORE_DB_NAME, &db.draft, error) ||
            !draft_open(db.directory, STORE_DB_SCHEMA_NAME, &db.schema, error) ||
            !file_write(db.schema.fd, STORE_DB_SCHEMA_NAME, STORE_SCHEMA_VERSION,
                        sizeof STORE_SCHEMA_VERSION - 1, error))
            return false;
    } else if (!lock_shared(&db, error) || !start_existing(store, &db, scratch, error)) {
        return false;
    }
    give(&db, ret_db);
    return true;
}

/* Another process that makes the same database in place writes it too; who is first does not
 * matter. */
static bool write_schema(const struct store_db *db, struct error *error)
{
    struct stat status;
    if (db->is_finished)
        return true;
    for (int waited_ms = 0;; waited_ms += WAIT_STEP_MS) {
        if (file_publish(db->directory, STORE_DB_SCHEMA_NAME, STR(STORE_SCHEMA_VERSION), 0644,
                         error))
            return true;
        if (waited_ms >= STORE_DB_READ_WAIT_MS)
            return false;
        wait_step();
        if (fstatat(db->directory, STORE_DB_SCHEMA_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_size == sizeof STORE_SCHEMA_VERSION - 1)
            return true;
    }
}

/* The journal mode is what the file's header says, so it is set last. A mode that cannot be set is
 * no error for SQLite: it answers with the one that stays. */
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
    db->sqlite = NULL;
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
    close_sqlite(db);
    draft_release(&db->draft);
    draft_release(&db->schema);
    own_close(&db->lock);
    own_close(&db->directory);
    *db = STORE_DB_CLOSED;
}
