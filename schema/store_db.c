#include "schema/store_db.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/store_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define DB_NAME     "db.sqlite"
#define SCHEMA_NAME "schema"
#define LOCK_NAME   "big-lock"

/* Migrations of newer Nix that leave the meaning of our three tables alone. */
static const char *const known_migrations[] = {
    "20220326-ca-derivations", "20251017-ca-derivations", "20260309-drop-redundant-indexreferrer",
    "20241024-provenance", /* Determinate Nix: one more column */
};

/* The sentence for what SQLite refused. */
static bool refused(const struct store_db *db, const char *what, struct error *error)
{
    int code = db->sqlite ? sqlite3_errcode(db->sqlite) & 0xff : SQLITE_NOMEM;
    const char *reason = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return error_set(error,
                         "%s: %s; restore it, or move it and its -wal and -shm files away and "
                         "register again",
                         what, reason);
    if (code == SQLITE_BUSY)
        return error_set(error, "%s: another process has kept the database locked for %d s", what,
                         STORE_DB_WAIT_MS / 1000);
    return error_set(error, "%s: %s", what, reason);
}

bool store_db_run(const struct store_db *db, const char *sql, struct error *error)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ||
           refused(db, DB_NAME, error);
}

bool store_db_prepare(const struct store_db *db, const char *sql, sqlite3_stmt **ret_statement,
                      struct error *error)
{
    return sqlite3_prepare_v2(db->sqlite, sql, -1, ret_statement, NULL) == SQLITE_OK ||
           refused(db, DB_NAME, error);
}

void store_db_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

enum store_db_answer store_db_step(const struct store_db *db, sqlite3_stmt *statement,
                                   struct error *error)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return STORE_DB_FOUND;
    case SQLITE_DONE:
        return STORE_DB_ABSENT;
    default:
        refused(db, DB_NAME, error);
        return STORE_DB_FAILED;
    }
}

struct str store_db_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return (struct str){ text, text ? (size_t)sqlite3_column_bytes(statement, column) : 0 };
}

static const char *db_path(const struct store *store, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/db/%s", store->state_dir.data, name).data;
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
    cleanup(own_close) int file =
        root_open(store->root, db_path(store, &scratch, DB_NAME), O_PATH, 0);
    if (file >= 0)
        return STORE_DB_FOUND;
    struct stat status;
    if (file != -ENOENT)
        error_errno(error, -file, "open %s", db_path(store, &scratch, DB_NAME));
    else if (fstatat(db->directory, SCHEMA_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return STORE_DB_ABSENT;
    else
        error_set(error,
                  "%s says that there is a database, but " DB_NAME " is missing: restore it, or "
                  "remove " SCHEMA_NAME " and register again",
                  db_path(store, &scratch, SCHEMA_NAME));
    return STORE_DB_FAILED;
}

enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return open_directory(store, scratch, &db, error);
}

/* FOUND: the schema file says that the database is finished and of our version. */
static enum store_db_answer check_schema(const struct store_db *db, struct arena scratch,
                                         struct error *error)
{
    struct str text;
    cleanup(own_close) int fd = openat(db->directory, SCHEMA_NAME, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return STORE_DB_ABSENT;
    if (fd < 0) {
        error_errno(error, errno, "open " SCHEMA_NAME);
        return STORE_DB_FAILED;
    }
    if (!file_read_fd(fd, SCHEMA_NAME, 64, &scratch, &text, error))
        return STORE_DB_FAILED;
    uint64_t version;
    if (str_equal(text, STR(STORE_SCHEMA_VERSION)))
        return STORE_DB_FOUND;
    if (!str_to_number(text, UINT32_MAX, &version))
        error_set(error, SCHEMA_NAME ": '%.*s' is not a schema version", STR_ARG(text));
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

static bool open_sqlite(struct store_db *db, const char *path, int flags, struct error *error)
{
    int code = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return refused(db, path, error);
    sqlite3_busy_timeout(db->sqlite, STORE_DB_WAIT_MS);
    sqlite3_extended_result_codes(db->sqlite, 0);
    return true;
}

static bool is_known_migration(struct str name)
{
    for (size_t i = 0; i < sizeof known_migrations / sizeof *known_migrations; i++)
        if (str_equal(name, str_from(known_migrations[i])))
            return true;
    return false;
}

/* Refuses a database that a newer Nix has migrated to a shape that is not known. */
static bool check_migrations(const struct store_db *db, struct error *error)
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
    sqlite3_bind_text(rows, 1, bound, -1, SQLITE_STATIC);
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
        if (!store_db_prepare(db, queries[i], &statement, error))
            return false;
    }
    return true;
}

static bool check(const struct store_db *db, const struct store *store, struct error *error)
{
    return check_tables(db, error) && check_migrations(db, error) && check_paths(db, store, error);
}

/* A WAL database cannot be read where its -shm file cannot be made, unless SQLite is told that
 * nobody changes it: true of a read-only disk, where no -wal is left over either. */
static bool open_immutable(struct store_db *db, const char *path, struct arena scratch,
                           struct error *error)
{
    char *quoted = arena_new(&scratch, char, 3 * strlen(path) + 32);
    char *end = quoted + sprintf(quoted, "file:");
    for (; *path; path++)
        end += sprintf(end, strchr("?#%", *path) ? "%%%02x" : "%c", (unsigned char)*path);
    sprintf(end, "?immutable=1");
    sqlite3_close(db->sqlite);
    db->sqlite = NULL;
    return open_sqlite(db, quoted, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error);
}

static bool open_readable(struct store_db *db, const struct store *store, struct arena scratch,
                          struct error *error)
{
    const char *path;
    struct stat status;
    if (!real_path(store, db, DB_NAME, &scratch, &path, error) ||
        !open_sqlite(db, path, SQLITE_OPEN_READONLY, error))
        return false;
    if (check_tables(db, error))
        return true;
    int code = sqlite3_errcode(db->sqlite) & 0xff;
    bool no_wal = fstatat(db->directory, DB_NAME "-wal", &status, 0) < 0 || status.st_size == 0;
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || !no_wal)
        return false;
    return open_immutable(db, path, scratch, error);
}

enum store_db_answer store_db_open_read(const struct store *store, struct arena scratch,
                                        struct store_db *ret_db, struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    enum store_db_answer answer = open_directory(store, scratch, &db, error);
    if (answer == STORE_DB_FOUND)
        answer = check_schema(&db, scratch, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    /* Whoever may not open the lock can still read: nothing that is made under it is half-done. */
    db.lock = openat(db.directory, LOCK_NAME, O_RDONLY | O_CLOEXEC);
    if (db.lock >= 0 && flock(db.lock, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK) {
        error_errno(error, errno, "lock " LOCK_NAME);
        return STORE_DB_FAILED;
    }
    if (!open_readable(&db, store, scratch, error) || !check(&db, store, error))
        return STORE_DB_FAILED;
    *ret_db = db;
    db = STORE_DB_CLOSED;
    return STORE_DB_FOUND;
}

/* Takes the big lock shared, waiting for an exclusive holder. */
static bool lock_shared(const struct store_db *db, struct error *error)
{
    enum { STEP_MS = 50 };
    for (int waited_ms = 0; flock(db->lock, LOCK_SH | LOCK_NB) < 0; waited_ms += STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, errno, "lock " LOCK_NAME);
        if (waited_ms >= STORE_DB_WAIT_MS)
            return error_set(error, LOCK_NAME ": another process has kept it locked for %d s",
                             STORE_DB_WAIT_MS / 1000);
        nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
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
    db->lock = openat(db->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return db->lock >= 0 || error_errno(error, errno, "open %s/" LOCK_NAME, path);
}

/* Removes what a database that is gone has left: beside a new file it would be replayed. */
static bool remove_leftovers(const struct store_db *db, struct error *error)
{
    static const char *const names[] = { DB_NAME "-wal", DB_NAME "-shm", DB_NAME "-journal" };
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
           store_db_run(db, store_sql, error);
}

/* An existing database, or one to be made in place. */
static bool start_existing(const struct store *store, struct store_db *db, struct arena scratch,
                           struct error *error)
{
    const char *path;
    enum store_db_answer schema = check_schema(db, scratch, error);
    if (schema == STORE_DB_FAILED || !real_path(store, db, DB_NAME, &scratch, &path, error) ||
        !open_sqlite(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error))
        return false;
    if (schema == STORE_DB_ABSENT)
        return store_db_run(db, "pragma synchronous = normal; begin immediate;", error) &&
               store_db_run(db, store_sql, error) && store_db_run(db, store_index_sql, error) &&
               check(db, store, error);
    return check(db, store, error) &&
           store_db_run(db, "pragma synchronous = normal; begin immediate;", error);
}

bool store_db_open_write(const struct store *store, struct arena scratch, struct store_db *ret_db,
                         struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!open_lock(store, scratch, &db, error))
        return false;
    bool alone = flock(db.lock, LOCK_EX | LOCK_NB) == 0;
    if (!alone && errno != EWOULDBLOCK)
        return error_errno(error, errno, "lock " LOCK_NAME);
    enum store_db_answer there = store_db_find(store, scratch, error);
    if (there == STORE_DB_FAILED)
        return false;
    if (alone && there == STORE_DB_ABSENT) {
        db.is_new = true;
        if (!remove_leftovers(&db, error) || !draft_open(db.directory, DB_NAME, &db.draft, error))
            return false;
    } else if (!lock_shared(&db, error) || !start_existing(store, &db, scratch, error)) {
        return false;
    }
    *ret_db = db;
    db = STORE_DB_CLOSED;
    return true;
}

static bool write_schema(const struct store_db *db, struct error *error)
{
    struct stat status;
    if (fstatat(db->directory, SCHEMA_NAME, &status, 0) == 0)
        return true;
    return file_publish(db->directory, SCHEMA_NAME, STR(STORE_SCHEMA_VERSION), 0644, error);
}

/* The journal mode is what the file's header says, so it is set last. */
static bool close_new(struct store_db *db, struct error *error)
{
    if (!store_db_run(db, store_index_sql, error) ||
        !store_db_run(db, "commit; pragma journal_mode = wal;", error))
        return false;
    if (sqlite3_close(db->sqlite) != SQLITE_OK)
        return refused(db, "close " DB_NAME, error);
    db->sqlite = NULL;
    return true;
}

bool store_db_commit(struct store_db *db, struct error *error)
{
    if (!db->is_new)
        return store_db_run(db, "commit", error) && write_schema(db, error);
    if (db->sqlite && !close_new(db, error))
        return false;
    return draft_publish(&db->draft, 0644, error) && write_schema(db, error);
}

void store_db_close(struct store_db *db)
{
    sqlite3_close(db->sqlite);
    draft_release(&db->draft);
    own_close(&db->lock);
    own_close(&db->directory);
    *db = STORE_DB_CLOSED;
}
