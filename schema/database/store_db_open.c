#include "schema/database/store_db_open.h"

#include "schema/base/lock_holder.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

#include <errno.h>
#include <limits.h>
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
    store->waiting(store->waiting_context, "the Nix database", holder, (unsigned)waited_ms / 1000);
}

const char *store_db_path(const struct store *store, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/db/%s", store->state_dir.data, name).data;
}

enum store_db_answer store_db_check_schema(const struct store_db *db, struct arena scratch,
                                           struct error *error)
{
    struct str text = { 0 };
    /* Nix empties the file before it writes it, so an empty one is looked at again. */
    for (int waited_ms = 0; text.len == 0 && waited_ms < SCHEMA_WAIT_MS;
         waited_ms += STORE_DB_WAIT_STEP_MS) {
        cleanup(own_close) int fd =
            openat(db->directory, STORE_DB_SCHEMA_NAME, STORE_DB_PLAIN_FILE | O_RDONLY);
        if (fd < 0 && errno == ENOENT)
            return STORE_DB_ABSENT;
        if (fd < 0) {
            error_errno(error, errno, "open " STORE_DB_SCHEMA_NAME);
            return STORE_DB_FAILED;
        }
        if (!file_read_fd(fd, STORE_DB_SCHEMA_NAME, 64, &scratch, &text, error))
            return STORE_DB_FAILED;
        if (text.len == 0)
            store_db_wait_step();
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
    struct stat status = { 0 };
    /* In this order: whoever makes a database makes `schema` last, so where it is, all is. */
    enum store_db_answer schema = store_db_check_schema(db, scratch, error);
    if (schema == STORE_DB_FAILED)
        return STORE_DB_FAILED;
    cleanup(own_close) int file =
        root_open(store->root, store_db_path(store, &scratch, STORE_DB_NAME), O_PATH, 0);
    bool finished = schema == STORE_DB_FOUND;
    if (file >= 0 && fstat(file, &status) == 0 && (status.st_size > 0 || finished))
        return STORE_DB_FOUND;
    if (file < 0 && file != -ENOENT)
        error_errno(error, -file, "open %s", store_db_path(store, &scratch, STORE_DB_NAME));
    else if (!finished)
        return STORE_DB_ABSENT;
    else
        error_set(error,
                  "%s says that there is a database, but " STORE_DB_NAME
                  " is missing: restore it, or "
                  "remove " STORE_DB_SCHEMA_NAME " and register again",
                  store_db_path(store, &scratch, STORE_DB_SCHEMA_NAME));
    return STORE_DB_FAILED;
}

enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return store_db_open_directory(store, scratch, &db, error);
}

bool store_db_real_path(const struct store *store, const struct store_db *db, const char *name,
                        struct arena *arena, const char **ret_path, struct error *error)
{
    char path[PATH_MAX];
    cleanup(own_close) int file =
        root_open(store->root, store_db_path(store, arena, name), O_PATH, 0);
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
    int waited_ms = count * STORE_DB_WAIT_STEP_MS;
    const char *name = fstatat(db->directory, STORE_DB_NAME "-shm", &status, 0) == 0
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
    if (db->sqlite)
        sqlite.close(db->sqlite);
    db->sqlite = NULL;
}

bool store_db_open_sqlite(struct store_db *db, const char *path, int flags, struct error *error)
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

void store_db_give(struct store_db *db, struct store_db *ret_db)
{
    *ret_db = *db;
    *db = STORE_DB_CLOSED;
    if (ret_db->sqlite)
        sqlite.busy_handler(ret_db->sqlite, wait_for_lock, ret_db);
}
