/* sqlite_jail_file.c — reads, writes and locks an open file of a jail, as SQLite's own layer
 * does. */
#include "schema/database/sqlite_jail_file.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/database/sqlite_jail_index.h"

#include <string.h>
#include <time.h>

/* The bytes of a database that are locked, from SQLite's src/os.h. Their page is never used. */
enum {
    PENDING_BYTE = 0x40000000,
    RESERVED_BYTE = PENDING_BYTE + 1,
    SHARED_FIRST = PENDING_BYTE + 2,
    SHARED_BYTES = 510,
};

/* Bytes of a database's header: how it is written and read. 1: rollback journal; 2: write-ahead
 * log. */
enum { HEADER_WRITE_VERSION = 18, HEADER_READ_VERSION = 19 };

static int file_close(sqlite3_file *base)
{
    struct jail_file *file = (struct jail_file *)base;
    jail_index_unmap(base, 0);
    own_close(&file->fd);
    file->fd = -1;
    return SQLITE_OK;
}

static bool is_same_time(struct timespec left, struct timespec right)
{
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

/* The kernel sets the modification time before it writes. So if the time has not changed after a
 * read, the data read is not newer either. */
static bool is_unchanged(const struct jail_file *file)
{
    struct stat now;
    return fstat(file->fd, &now) == 0 && now.st_size == file->before.st_size &&
           is_same_time(now.st_mtim, file->before.st_mtim) &&
           is_same_time(now.st_ctim, file->before.st_ctim);
}

static int refuse_change(const struct jail_file *file)
{
    error_set(&file->jail->refused, "read %s: another process changed it meanwhile; try again",
              file->jail->name);
    return SQLITE_BUSY;
}

static int read_still(const struct jail_file *file, char *data, int size, sqlite3_int64 offset)
{
    /* Before SQLite locks the file, it reads only the page size, which never changes. */
    if (file->lock != SQLITE_LOCK_NONE && !is_unchanged(file))
        return refuse_change(file);
    for (sqlite3_int64 at = HEADER_WRITE_VERSION; at <= HEADER_READ_VERSION; at++)
        if (at >= offset && at < offset + size && data[at - offset] == 2)
            data[at - offset] = 1;
    return SQLITE_OK;
}

/* SQLite says no more than "disk I/O error". */
static int io_failed(const struct jail_file *file, const char *doing, int code)
{
    error_errno(&file->jail->refused, errno, "%s %s or its journal", doing, file->jail->name);
    return code;
}

static int file_read_part(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    const struct jail_file *file = (const struct jail_file *)base;
    ssize_t got = file_pread(file->fd, data, (size_t)size, (uint64_t)offset);
    if (got < 0)
        return io_failed(file, "read", SQLITE_IOERR_READ);
    memset((char *)data + got, 0, (size_t)(size - got));
    int code = file->jail->place.is_still ? read_still(file, data, size, offset) : SQLITE_OK;
    return code == SQLITE_OK && got < size ? SQLITE_IOERR_SHORT_READ : code;
}

static int file_write_part(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    const struct jail_file *file = (const struct jail_file *)base;
    for (int done = 0; done < size;) {
        ssize_t written =
            pwrite(file->fd, (const char *)data + done, (size_t)(size - done), offset + done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == ENOSPC || errno == EDQUOT
                       ? SQLITE_FULL
                       : io_failed(file, "write", SQLITE_IOERR_WRITE);
        done += (int)written;
    }
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    const struct jail_file *file = (const struct jail_file *)base;
    return ftruncate(file->fd, size) == 0 ? SQLITE_OK
                                          : io_failed(file, "cut", SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct jail_file *file = (struct jail_file *)base;
    (void)flags;
    if (fdatasync(file->fd) < 0)
        return io_failed(file, "sync", SQLITE_IOERR_FSYNC);
    if (file->is_new_name && !directory_sync(file->jail->place.directory, &file->jail->refused))
        return SQLITE_IOERR_DIR_FSYNC;
    file->is_new_name = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    const struct jail_file *file = (const struct jail_file *)base;
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return SQLITE_IOERR_FSTAT;
    *ret_size = status.st_size;
    return SQLITE_OK;
}

/* Remembers the file's status. Two changes within one tick of the kernel's clock have the same
 * time, so the last change must be older than that. */
static int begin_still(struct jail_file *file)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0 || fstat(file->fd, &file->before) < 0)
        return SQLITE_IOERR_FSTAT;
    return is_same_time(file->before.st_ctim, now) ? SQLITE_BUSY : SQLITE_OK;
}

/* A writer that waits for readers to end holds the pending byte, so that no new reader begins. */
static int lock_shared(struct jail_file *file)
{
    int code = jail_lock(file->fd, F_RDLCK, PENDING_BYTE, 1, SQLITE_IOERR_LOCK);
    if (code != SQLITE_OK)
        return code;
    code = jail_lock(file->fd, F_RDLCK, SHARED_FIRST, SHARED_BYTES, SQLITE_IOERR_LOCK);
    int undone = jail_lock(file->fd, F_UNLCK, PENDING_BYTE, 1, SQLITE_IOERR_UNLOCK);
    if (code == SQLITE_OK)
        code = undone;
    if (code == SQLITE_OK && file->jail->place.is_still)
        code = begin_still(file);
    if (code == SQLITE_OK)
        file->lock = SQLITE_LOCK_SHARED;
    else
        jail_lock(file->fd, F_UNLCK, SHARED_FIRST, SHARED_BYTES, SQLITE_IOERR_UNLOCK);
    return code;
}

/* SQLite goes directly from SHARED to EXCLUSIVE to replay an old journal. Then the pending lock is
 * not taken, because on failure the lock must still be SHARED. */
static int lock_exclusive(struct jail_file *file)
{
    if (file->lock == SQLITE_LOCK_RESERVED) {
        int code = jail_lock(file->fd, F_WRLCK, PENDING_BYTE, 1, SQLITE_IOERR_LOCK);
        if (code != SQLITE_OK)
            return code;
        file->lock = SQLITE_LOCK_PENDING;
    }
    int code = jail_lock(file->fd, F_WRLCK, SHARED_FIRST, SHARED_BYTES, SQLITE_IOERR_LOCK);
    if (code == SQLITE_OK)
        file->lock = SQLITE_LOCK_EXCLUSIVE;
    return code;
}

static int file_lock(sqlite3_file *base, int wanted)
{
    struct jail_file *file = (struct jail_file *)base;
    int code;
    if (file->lock >= wanted)
        return SQLITE_OK;
    switch (wanted) {
    case SQLITE_LOCK_SHARED:
        return lock_shared(file);
    case SQLITE_LOCK_RESERVED:
        code = jail_lock(file->fd, F_WRLCK, RESERVED_BYTE, 1, SQLITE_IOERR_LOCK);
        if (code == SQLITE_OK)
            file->lock = SQLITE_LOCK_RESERVED;
        return code;
    default:
        return lock_exclusive(file);
    }
}

static int file_unlock(sqlite3_file *base, int wanted)
{
    struct jail_file *file = (struct jail_file *)base;
    int code = SQLITE_OK;
    if (file->lock <= wanted)
        return SQLITE_OK;
    if (wanted == SQLITE_LOCK_NONE) {
        code = jail_lock(file->fd, F_UNLCK, 0, 0, SQLITE_IOERR_UNLOCK);
    } else {
        code = jail_lock(file->fd, F_RDLCK, SHARED_FIRST, SHARED_BYTES, SQLITE_IOERR_RDLOCK);
        if (code == SQLITE_OK)
            code = jail_lock(file->fd, F_UNLCK, PENDING_BYTE, 2, SQLITE_IOERR_UNLOCK);
    }
    if (code == SQLITE_OK)
        file->lock = wanted;
    return code;
}

static int file_check_reserved(sqlite3_file *base, int *ret_is_reserved)
{
    const struct jail_file *file = (const struct jail_file *)base;
    short type = F_UNLCK;
    int code = SQLITE_OK;
    if (file->lock <= SQLITE_LOCK_SHARED)
        code = jail_look_at_lock(file->fd, RESERVED_BYTE, &type);
    *ret_is_reserved = file->lock > SQLITE_LOCK_SHARED || type != F_UNLCK;
    return code;
}

/* Tells SQLite whether the database has been renamed or replaced, so that it does not write to
 * it. */
static int file_control(sqlite3_file *base, int operation, void *argument)
{
    const struct jail_file *file = (const struct jail_file *)base;
    if (operation != SQLITE_FCNTL_HAS_MOVED)
        return SQLITE_NOTFOUND;
    *(int *)argument = !file_is_named(file->fd, file->jail->place.directory, file->jail->name);
    return SQLITE_OK;
}

/* The sector size of SQLite's own layer, so that journals have the same layout. */
static int file_sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

const sqlite3_io_methods jail_file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read_part,
    .xWrite = file_write_part,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = jail_index_map,
    .xShmLock = jail_index_lock,
    .xShmBarrier = jail_index_barrier,
    .xShmUnmap = jail_index_unmap,
};
