#include "schema/database/sqlite_jail_part.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A second name (hard link) of a file may be outside the directory. Writing would change the file
 * there, too. */
static bool has_one_name(int fd, const char *name, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_errno(error, errno, "look at %s", name);
    return status.st_nlink <= 1 ||
           error_set(error,
                     "open %s: it has %llu names (hard links), so a change would reach "
                     "beyond the database; replace it with a copy",
                     name, (unsigned long long)status.st_nlink);
}

/* Whoever can use the database must be able to use its log. So a new file gets the database's mode
 * and, if we are root, its owner. A file that was there already keeps them: another user can have
 * renamed it. */
static int adopt(const struct sqlite_jail *jail, int fd)
{
    struct stat status;
    const struct stat *database = &jail->database;
    mode_t mode = database->st_mode & 0777;
    if (mode == 0 || fstat(fd, &status) < 0)
        return fd;
    bool is_like_it = (status.st_mode & 0777) == mode && status.st_uid == database->st_uid &&
                      status.st_gid == database->st_gid;
    /* A failure is ignored, as in SQLite's own layer. */
    if (!is_like_it && fchmod(fd, mode) == 0 && geteuid() == 0 &&
        fchown(fd, database->st_uid, database->st_gid) < 0)
        return fd;
    return fd;
}

int jail_open_part(struct sqlite_jail *jail, const char *name, int flags)
{
    struct error error;
    int directory = jail->place.directory;
    int exclusive = flags & O_CREAT ? O_EXCL : 0;
    cleanup(own_close) int fd = file_open_regular(directory, name, flags | exclusive, 0644, &error);
    bool is_made = fd >= 0 && exclusive;
    if (fd == -EEXIST)
        fd = file_open_regular(directory, name, flags, 0644, &error);
    if (fd < 0) {
        jail->refused = error;
        return fd;
    }
    if ((flags & O_ACCMODE) != O_RDONLY && !has_one_name(fd, name, &jail->refused))
        return -EMLINK;
    return is_made ? adopt(jail, own_take(&fd)) : own_take(&fd);
}

int jail_open_failed(int code)
{
    switch (code) {
    case -ELOOP:
    case -ENXIO:
    case -EMLINK:
        return SQLITE_PERM;
    default:
        return SQLITE_CANTOPEN;
    }
}

int jail_lock(int fd, short type, off_t start, off_t length, int failed)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return SQLITE_OK;
    switch (errno) {
    case EACCES:
    case EAGAIN:
    case EINTR:
    case ENOLCK:
        return SQLITE_BUSY;
    case EPERM:
        return SQLITE_PERM;
    default:
        return failed;
    }
}

int jail_look_at_lock(int fd, off_t start, short *ret_type)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return SQLITE_IOERR_LOCK;
    *ret_type = lock.l_type;
    return SQLITE_OK;
}
