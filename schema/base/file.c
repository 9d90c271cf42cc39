#include "schema/base/file.h"

#include "schema/base/budget.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

/* How much to read at a time if the size is not known beforehand. */
enum { READ_STEP_BYTES = 64 << 10 };

/* How well a file system can compress text, and the size up to which a file is not judged: some
 * file systems report no blocks for small files. */
enum { SPARSE_FLOOR_BYTES = 64 << 20, SPARSE_FACTOR = 64 };

/* The same for a file that is copied whole, such as an image: the largest that fits into a ramdisk, as
 * some file systems report no blocks until a while after a file is written. */
static const uint64_t COPY_FLOOR_BYTES = (uint64_t)4 << 30;

/* Returns the file's size if it is known, otherwise a guess. Fails if the file is mostly holes. */
static bool expect_bytes(struct file file, uint64_t floor_bytes, uint64_t *ret_bytes,
                         struct error *error)
{
    struct stat status;
    struct budget budget = { .what = "its size",
                             .floor_bytes = floor_bytes,
                             .factor = SPARSE_FACTOR };
    *ret_bytes = READ_STEP_BYTES;
    if (fstat(file.fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0)
        return true;
    *ret_bytes = (uint64_t)status.st_size;
    budget_pay(&budget, budget_real_bytes(&status));
    return budget_spend(&budget, *ret_bytes, error) || error_in(error, "read %s", file.name);
}

static bool too_large(const char *name, size_t limit_bytes, struct error *error)
{
    return error_set(error, "read %s: larger than the limit of %zu bytes", name, limit_bytes);
}

bool file_read_fd(struct file file, size_t limit_bytes, struct arena *arena, struct str *ret_text,
                  struct error *error)
{
    uint64_t expected;
    if (!expect_bytes(file, SPARSE_FLOOR_BYTES, &expected, error))
        return false;
    if (expected > limit_bytes && expected > READ_STEP_BYTES)
        return too_large(file.name, limit_bytes, error);
    size_t room = expected < limit_bytes ? (size_t)expected : limit_bytes;
    char *text = arena_room(arena, room + 1);
    size_t length = 0;
    for (;;) {
        /* One byte more than is expected, to find out whether the file ends there. */
        ssize_t got = read(file.fd, text + length, room + 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "read %s", file.name);
        if (got == 0)
            break;
        length += (size_t)got;
        if (length > limit_bytes)
            return too_large(file.name, limit_bytes, error);
        if (length > room) {
            size_t wider = room < limit_bytes / 2 ? room * 2 : limit_bytes;
            char *copy = arena_room(arena, wider + 1);
            memcpy(copy, text, length);
            text = copy;
            room = wider;
        }
    }
    text[length] = '\0';
    *ret_text = (struct str){ text, length };
    return true;
}

/* Is it a regular file? */
static bool check_regular(int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", path);
    return S_ISREG(status.st_mode) || error_set(error, "%s is not a file", path);
}

bool file_open(int directory, const char *path, int *ret_fd, struct error *error)
{
    cleanup(own_close) int seen = openat(directory, path, O_PATH | O_CLOEXEC);
    if (seen < 0 && errno == ENOENT) {
        *ret_fd = -1;
        return true;
    }
    if (!check_regular(seen, path, error))
        return false;
    cleanup(own_close) int fd =
        openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (!check_regular(fd, path, error))
        return false;
    *ret_fd = own_take(&fd);
    return true;
}

static bool open_existing(int directory, const char *path, int *ret_fd, struct error *error)
{
    int fd = -1;
    if (!file_open(directory, path, &fd, error))
        return false;
    if (fd < 0)
        return error_errno(error, ENOENT, "open %s", path);
    *ret_fd = fd;
    return true;
}

bool file_open_named(const char *path, int *ret_fd, struct error *error)
{
    return open_existing(AT_FDCWD, path, ret_fd, error);
}

bool file_read(int directory, const char *path, size_t limit_bytes, struct arena *arena,
               struct str *ret_text, struct error *error)
{
    cleanup(own_close) int fd = -1;
    return open_existing(directory, path, &fd, error) &&
           file_read_fd((struct file){ fd, path }, limit_bytes, arena, ret_text, error);
}

static const char *kind_of_file(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK:
        return "a symbolic link";
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

static int refuse_kind(const char *name, mode_t mode, struct error *error)
{
    error_set(error, "open %s: it is %s, not a regular file; remove it", name, kind_of_file(mode));
    return S_ISLNK(mode) ? -ELOOP : -ENXIO;
}

bool file_look(int directory, const char *name, mode_t *ret_mode, struct error *error)
{
    struct stat status;
    bool is_there = fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT)
        return error_errno(error, errno, "look at %s", name);
    *ret_mode = is_there ? status.st_mode : 0;
    return true;
}

/* The check before opening avoids opening a device, which can have side effects. The check after it
 * is of the file that was opened. */
int file_open_regular(int directory, const char *name, int flags, mode_t mode, struct error *error)
{
    struct stat status;
    assert(!strchr(name, '/'));
    bool is_there = fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && !S_ISREG(status.st_mode))
        return refuse_kind(name, status.st_mode, error);
    cleanup(own_close) int fd =
        openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
    if (fd < 0 || fstat(fd, &status) < 0) {
        int code = errno;
        error_errno(error, code, "open %s", name);
        return -code;
    }
    if (!S_ISREG(status.st_mode))
        return refuse_kind(name, status.st_mode, error);
    return own_take(&fd);
}

ssize_t file_pread(int fd, void *data, size_t size_bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < size_bytes) {
        ssize_t got = pread(fd, (char *)data + done, size_bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

bool file_read_at(struct file file, void *data, size_t size_bytes, uint64_t offset,
                  size_t *ret_size_bytes, struct error *error)
{
    ssize_t got = file_pread(file.fd, data, size_bytes, offset);
    if (got < 0)
        return error_errno(error, errno, "read %s", file.name);
    *ret_size_bytes = (size_t)got;
    return true;
}

/* On Btrfs, XFS and others, makes an empty file share the blocks of another one. */
static bool clone(int source, int target, uint64_t *ret_size_bytes)
{
    struct stat status;
    if (fstat(target, &status) < 0 || status.st_size != 0 || ioctl(target, FICLONE, source) < 0 ||
        fstat(target, &status) < 0)
        return false;
    *ret_size_bytes = (uint64_t)status.st_size;
    return true;
}

bool file_copy(struct file source, struct file target, uint64_t offset, struct arena scratch,
               uint64_t *ret_size_bytes, struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    char *buffer = arena_room(&scratch, BUFFER_BYTES);
    uint64_t copied = 0, expected;
    if (!expect_bytes(source, COPY_FLOOR_BYTES, &expected, error))
        return false;
    if (offset == 0 && clone(source.fd, target.fd, ret_size_bytes))
        return true;
    for (size_t got = BUFFER_BYTES; got == BUFFER_BYTES; copied += got)
        if (!file_read_at(source, buffer, BUFFER_BYTES, copied, &got, error) ||
            !file_write_at(target, buffer, got, offset + copied, error))
            return false;
    *ret_size_bytes = copied;
    return true;
}

bool file_write(struct file file, const void *data, size_t size_bytes, struct error *error)
{
    const char *at = data;
    while (size_bytes > 0) {
        ssize_t written = write(file.fd, at, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(error, errno, "write %s", file.name);
        at += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

bool file_write_at(struct file file, const void *data, size_t size_bytes, uint64_t offset,
                   struct error *error)
{
    const char *at = data;
    while (size_bytes > 0) {
        ssize_t written = pwrite(file.fd, at, size_bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(error, errno, "write %s", file.name);
        at += written;
        offset += (uint64_t)written;
        size_bytes -= (size_t)written;
    }
    return true;
}

bool directory_sync(int directory, struct error *error)
{
    /* EINVAL, EROFS: the file system does not sync directories, and need not. */
    if (fsync(directory) < 0 && errno != EINVAL && errno != EROFS)
        return error_errno(error, errno, "sync the directory");
    return true;
}

bool file_is_named(int fd, int directory, const char *name)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && fstatat(directory, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}
