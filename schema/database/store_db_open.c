#include "schema/database/store_db_open.h"

#include "schema/base/lock_holder.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/sqlite_jail.h"
#include "schema/database/store_db_guard.h"

#include <assert.h>
#include <time.h>
#include <unistd.h>

enum { SCHEMA_WAIT_MS = 2 * 1000 };

void store_db_wait_step(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = STORE_DB_WAIT_STEP_MS * 1000000L }, NULL);
}

void store_db_tell_waiting(const struct store *store, int directory, const char *name,
                           int waited_ms)
{
    char holder[96];
    if (!store->waiting || waited_ms == 0 || waited_ms % 1000 != 0)
        return;
    lock_holder_find(directory, name, holder, sizeof holder);
    store->waiting(store->context, "the Nix database", holder, (unsigned)waited_ms / 1000);
}

const char *store_db_path(const struct store *store, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/db/%s", store->state_dir.data, name).data;
}

/* Parses an int as Nix does: an optional sign, then decimal digits, and nothing else. Leading zeros
 * are allowed. A version is never negative. */
static bool parse_version(struct str text, uint64_t *ret_version)
{
    bool is_negative = text.len > 1 && text.data[0] == '-';
    if (is_negative || (text.len > 1 && text.data[0] == '+'))
        text = str_skip(text, 1);
    return str_to_number(text, is_negative ? 0 : INT32_MAX, ret_version);
}

enum store_db_answer store_db_check_schema(const struct store_db *db, struct arena scratch,
                                           struct error *error)
{
    struct str text = { 0 };
    /* Nix truncates the file before it writes it, so an empty file is read again. */
    for (int waited_ms = 0; text.len == 0 && waited_ms < SCHEMA_WAIT_MS;
         waited_ms += STORE_DB_WAIT_STEP_MS) {
        cleanup(own_close) int fd =
            file_open_regular(db->directory, STORE_DB_SCHEMA_NAME, O_RDONLY, 0, error);
        if (fd == -ENOENT)
            return STORE_DB_ABSENT;
        if (fd < 0)
            return STORE_DB_FAILED;
        if (!file_read_fd((struct file){ fd, STORE_DB_SCHEMA_NAME }, 64, &scratch, &text, error))
            return STORE_DB_FAILED;
        if (text.len == 0)
            store_db_wait_step();
    }
    uint64_t version = 0;
    bool is_number = parse_version(text, &version);
    if (is_number && version == STORE_SCHEMA_NUMBER)
        return STORE_DB_FOUND;
    if (is_number && version == 0)
        return STORE_DB_ABSENT;
    if (!is_number)
        error_set(error, STORE_DB_SCHEMA_NAME ": '%.*s' is not a schema version", STR_ARG(text));
    else if (version > STORE_SCHEMA_NUMBER)
        error_set(error,
                  "the database has schema version %llu, newer than " STORE_SCHEMA_VERSION
                  "; use the regd or Nix that made it",
                  (unsigned long long)version);
    else
        error_set(error,
                  "the database has schema version %llu, older than " STORE_SCHEMA_VERSION
                  "; run 'nix-store --verify' once to upgrade it",
                  (unsigned long long)version);
    return STORE_DB_FAILED;
}

/* Looks at the database's file without opening it. A size of -1 means that there is none. */
static bool look_at_file(const struct store_db *db, off_t *ret_size, struct error *error)
{
    struct stat status;
    *ret_size = -1;
    if (fstatat(db->directory, STORE_DB_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || error_errno(error, errno, "look at " STORE_DB_NAME);
    *ret_size = status.st_size;
    if (S_ISREG(status.st_mode))
        return true;
    /* Opening it fails. The error says what kind of file it is. */
    cleanup(own_close) int fd = file_open_regular(db->directory, STORE_DB_NAME, O_RDONLY, 0, error);
    return fd >= 0;
}

enum store_db_answer store_db_look(const struct store *store, const struct store_db *db,
                                   struct arena scratch, struct error *error)
{
    off_t size;
    /* `schema` is created last. So look for it first: if it exists, the database exists, too. */
    enum store_db_answer schema = store_db_check_schema(db, scratch, error);
    if (schema == STORE_DB_FAILED || !look_at_file(db, &size, error))
        return STORE_DB_FAILED;
    if (size > 0 || (size == 0 && schema == STORE_DB_FOUND))
        return STORE_DB_FOUND;
    if (schema == STORE_DB_ABSENT)
        return STORE_DB_ABSENT;
    error_set(error,
              "%s says that there is a database, but " STORE_DB_NAME
              " is missing; restore it, or remove " STORE_DB_SCHEMA_NAME " and register again",
              store_db_path(store, &scratch, STORE_DB_SCHEMA_NAME));
    return STORE_DB_FAILED;
}

enum store_db_answer store_db_open_directory(const struct store *store, struct arena scratch,
                                             struct store_db *db, struct error *error)
{
    const char *path = store_db_path(store, &scratch, ".");
    db->directory = root_open(store->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (db->directory == -ENOENT)
        return STORE_DB_ABSENT;
    if (db->directory < 0) {
        error_errno(error, -db->directory, "open %s", path);
        return STORE_DB_FAILED;
    }
    return store_db_look(store, db, scratch, error);
}

/* SQLite calls this while the database is locked. A result of 0 gives up. In WAL mode, writers lock
 * the -shm file. */
static int wait_for_lock(void *context, int count)
{
    const struct store_db *db = context;
    struct stat status;
    int waited_ms = count * STORE_DB_WAIT_STEP_MS;
    const char *name =
        fstatat(db->directory, STORE_DB_NAME "-shm", &status, AT_SYMLINK_NOFOLLOW) == 0
            ? STORE_DB_NAME "-shm"
            : STORE_DB_NAME;
    if (waited_ms >= STORE_DB_WAIT_MS)
        return 0;
    store_db_tell_waiting(db->store, db->directory, name, waited_ms);
    store_db_wait_step();
    return 1;
}

void store_db_close_sqlite(struct store_db *db)
{
    /* Closing fails only if a statement is not finalised. Such a statement would use the jail. */
    bool is_closed = !db->sqlite || sqlite.close(db->sqlite) == SQLITE_OK;
    assert(is_closed);
    if (is_closed && db->jail)
        sqlite_jail_free(db->jail);
    if (is_closed && db->budget)
        sqlite.free(db->budget);
    db->sqlite = NULL;
    db->jail = NULL;
    db->budget = NULL;
}

bool store_db_open_sqlite(struct store_db *db, int flags, bool still, struct error *error)
{
    if (!sqlite_load(error))
        return false;
    struct sqlite_jail_place place = {
        .directory = db->directory,
        .name = db->is_new ? db->draft.temporary_name : STORE_DB_NAME,
        .draft = db->is_new ? db->draft.fd : -1,
        .is_still = still,
    };
    int code = sqlite_jail_open(&place, flags | SQLITE_OPEN_NOMUTEX, &db->jail, &db->sqlite);
    if (code != SQLITE_OK)
        return store_db_refused(db, STORE_DB_NAME, error);
    sqlite.busy_handler(db->sqlite, wait_for_lock, db);
    sqlite.extended_result_codes(db->sqlite, 0);
    return store_db_guard(db, error);
}

void store_db_give(struct store_db *db, struct store_db *ret_db)
{
    *ret_db = *db;
    *db = STORE_DB_CLOSED;
    if (ret_db->sqlite)
        sqlite.busy_handler(ret_db->sqlite, wait_for_lock, ret_db);
}
