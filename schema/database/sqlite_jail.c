#include "schema/database/sqlite_jail_file.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#define JAIL_NAME "regd-jail"

/* Is it the database, its journal or its log? A draft has no journal and no log. */
static bool is_ours(const struct sqlite_jail *jail, const char *name)
{
    size_t length = strlen(jail->name);
    if (strncmp(name, jail->name, length) != 0)
        return false;
    const char *suffix = name + length;
    return *suffix == '\0' || (jail->place.draft < 0 &&
                               (strcmp(suffix, "-journal") == 0 || strcmp(suffix, "-wal") == 0));
}

static bool is_log(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, "-wal") == 0;
}

/* SQLite asks for another name only if the journal contains one. */
static int refuse_name(struct sqlite_jail *jail, const char *name)
{
    error_set(
        &jail->refused,
        "%s-journal: it belongs to a transaction that changed '%s' too, which Nix never "
        "does; restore the database, or remove the journal if you trust the database as it is",
        jail->name, name);
    return SQLITE_PERM;
}

static int open_draft(const struct sqlite_jail *jail)
{
    int fd = fcntl(jail->place.draft, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int open_nameless(const struct sqlite_jail *jail)
{
    int fd = openat(jail->place.directory, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        fd = memfd_create("sqlite", MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool may_be_read_only(const struct sqlite_jail *jail, const char *name, int code)
{
    return code == -EACCES || code == -EROFS || code == -EPERM ||
           (code == -EMLINK && strcmp(name, jail->name) == 0);
}

/* Opens for writing, or for reading if writing is not allowed. Then *ret_flags is changed. */
static int open_named(struct sqlite_jail *jail, const char *name, int flags, int *ret_flags)
{
    int create = flags & SQLITE_OPEN_CREATE ? O_CREAT : 0;
    if (!(flags & SQLITE_OPEN_READWRITE))
        return jail_open_part(jail, name, O_RDONLY);
    int fd = jail_open_part(jail, name, O_RDWR | create);
    if (fd >= 0 || !may_be_read_only(jail, name, fd))
        return fd;
    struct error refused = jail->refused;
    int read_only = jail_open_part(jail, name, O_RDONLY);
    jail->refused = refused;
    if (read_only < 0)
        return fd;
    *ret_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    return read_only;
}

static int jail_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                     int *ret_flags)
{
    struct sqlite_jail *jail = vfs->pAppData;
    struct jail_file *file = (struct jail_file *)base;
    int opened = flags, fd;
    base->pMethods = NULL;
    if (name && !is_ours(jail, name))
        return refuse_name(jail, name);
    bool is_database = flags & SQLITE_OPEN_MAIN_DB;
    if (!name)
        fd = open_nameless(jail);
    else if (is_database && jail->place.draft >= 0)
        fd = open_draft(jail);
    else
        fd = open_named(jail, name, flags, &opened);
    if (fd < 0)
        return jail_open_failed(fd);
    *file = (struct jail_file){
        .base.pMethods = &jail_file_methods,
        .jail = jail,
        .fd = fd,
        .is_new_name = name && !is_database && flags & SQLITE_OPEN_CREATE,
        .index = { .fd = -1 },
    };
    if (is_database && fstat(fd, &jail->database) < 0)
        memset(&jail->database, 0, sizeof jail->database);
    if (ret_flags)
        *ret_flags = opened;
    return SQLITE_OK;
}

static int jail_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    struct sqlite_jail *jail = vfs->pAppData;
    if (!is_ours(jail, name) || strcmp(name, jail->name) == 0)
        return refuse_name(jail, name);
    if (unlinkat(jail->place.directory, name, 0) < 0) {
        if (errno == ENOENT)
            return SQLITE_IOERR_DELETE_NOENT;
        error_errno(&jail->refused, errno, "remove %s", name);
        return SQLITE_IOERR_DELETE;
    }
    return !sync_directory || directory_sync(jail->place.directory, &jail->refused)
               ? SQLITE_OK
               : SQLITE_IOERR_DIR_FSYNC;
}

/* SQLite only asks whether a journal or log exists. An empty one counts as missing. */
static int jail_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_is_there)
{
    struct sqlite_jail *jail = vfs->pAppData;
    struct stat status;
    (void)flags;
    *ret_is_there = 0;
    /* A draft has no journal and no log. */
    if (jail->place.draft >= 0)
        return SQLITE_OK;
    if (!is_ours(jail, name))
        return refuse_name(jail, name);
    if (fstatat(jail->place.directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? SQLITE_OK : SQLITE_IOERR_ACCESS;
    if (!S_ISREG(status.st_mode)) {
        cleanup(own_close) int none = jail_open_part(jail, name, O_RDONLY);
        return none < 0 ? jail_open_failed(none) : SQLITE_IOERR_ACCESS;
    }
    *ret_is_there = status.st_size > 0;
    if (!*ret_is_there || !jail->place.is_still || !is_log(name))
        return SQLITE_OK;
    error_set(
        &jail->refused,
        "read %s: it holds changes that can be read only with write access; run as the owner of "
        "the database, or make its file system writable",
        name);
    return SQLITE_CANTOPEN;
}

static int jail_full_name(sqlite3_vfs *vfs, const char *name, int size, char *ret_name)
{
    const struct sqlite_jail *jail = vfs->pAppData;
    if (strcmp(name, jail->name) != 0 || (size_t)size <= strlen(name))
        return SQLITE_CANTOPEN;
    memcpy(ret_name, name, strlen(name) + 1);
    return SQLITE_OK;
}

static int jail_randomness(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    (void)vfs;
    ssize_t got = getrandom(ret_bytes, (size_t)size, GRND_NONBLOCK);
    return got < 0 ? 0 : (int)got;
}

static int jail_sleep(sqlite3_vfs *vfs, int time_us)
{
    (void)vfs;
    nanosleep(&(struct timespec){ time_us / 1000000, time_us % 1000000 * 1000L }, NULL);
    return time_us;
}

/* SQLite counts milliseconds since noon of 24 November 4714 BC. */
static int jail_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_time)
{
    struct timespec now;
    (void)vfs;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = 210866760000000 + now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return SQLITE_OK;
}

/* The jail lives as long as the connection, not as long as an arena. So SQLite allocates it. */
static struct sqlite_jail *make_jail(const struct sqlite_jail_place *place)
{
    struct sqlite_jail *jail = sqlite.malloc(sizeof *jail);
    if (!jail)
        return NULL;
    *jail = (struct sqlite_jail){
        .vfs = {
            .iVersion = 2,
            .szOsFile = sizeof(struct jail_file),
            .mxPathname = sizeof jail->name,
            .zName = JAIL_NAME,
            .pAppData = jail,
            .xOpen = jail_open,
            .xDelete = jail_delete,
            .xAccess = jail_access,
            .xFullPathname = jail_full_name,
            .xRandomness = jail_randomness,
            .xSleep = jail_sleep,
            .xCurrentTimeInt64 = jail_time,
        },
        .place = *place,
    };
    int length = snprintf(jail->name, sizeof jail->name, "%s", place->name);
    assert(length > 0 && (size_t)length < sizeof jail->name);
    jail->place.name = jail->name;
    return jail;
}

int sqlite_jail_open(const struct sqlite_jail_place *place, int flags,
                     struct sqlite_jail **ret_jail, sqlite3 **ret_database)
{
    struct sqlite_jail *jail = make_jail(place);
    *ret_jail = jail;
    *ret_database = NULL;
    if (!jail || sqlite.vfs_register(&jail->vfs, 0) != SQLITE_OK)
        return SQLITE_NOMEM;
    int code = sqlite.open_v2(jail->name, ret_database, flags, JAIL_NAME);
    sqlite.vfs_unregister(&jail->vfs);
    /* ATTACH accepts a URI, which can name another file layer than the jail. */
    if (code == SQLITE_OK)
        sqlite.limit(*ret_database, SQLITE_LIMIT_ATTACHED, 0);
    return code;
}

void sqlite_jail_free(struct sqlite_jail *jail)
{
    sqlite.free(jail);
}

bool sqlite_jail_check(const struct sqlite_jail *jail, struct error *error)
{
    return !jail || *jail->refused.sentence == '\0' ||
           error_set(error, "%s", jail->refused.sentence);
}
