#include "schema/base/root.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int root_open(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_IN_ROOT,
    };
    for (;;) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        /* EAGAIN: a directory was renamed while ".." was being resolved. */
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

bool root_find(int root, const char *path, bool *ret_is_there, struct error *error)
{
    cleanup(own_close) int fd = root_open(root, path, O_PATH, 0);
    if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP)
        return error_errno(error, -fd, "look at %s", path);
    *ret_is_there = fd >= 0;
    return true;
}

/* Checks that `fd` is a regular file. `fd` may be the negative errno value of root_open. */
static bool check_file(int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, fd < 0 ? -fd : errno, "open %s", path);
    return S_ISREG(status.st_mode) || error_set(error, "%s is not a file", path);
}

bool root_open_file(int root, const char *path, int flags, int *ret_fd, struct error *error)
{
    const bool creates = flags & O_CREAT;
    /* Check the type before opening, because opening a device can have side effects. If another
     * process replaces the file in between, O_NONBLOCK keeps open from waiting, and the second
     * check fails. */
    cleanup(own_close) int seen = root_open(root, path, O_PATH | (flags & O_NOFOLLOW), 0);
    if (seen != -ENOENT && !check_file(seen, path, error))
        return false;
    cleanup(own_close) int fd = seen == -ENOENT && !creates
                                    ? -ENOENT
                                    : root_open(root, path, flags | O_NONBLOCK | O_NOCTTY, 0600);
    bool is_missing = fd == -ENOENT && !creates;
    if (!is_missing && !check_file(fd, path, error))
        return false;
    *ret_fd = is_missing ? -1 : own_take(&fd);
    return true;
}

/* Creates the last component of `path`; the others exist. */
static int make_last(int root, char *path)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    cleanup(own_close) int parent =
        root_open(root, slash && *path ? path : "/", O_RDONLY | O_DIRECTORY, 0);
    if (slash)
        *slash = '/';
    if (parent < 0)
        return parent;
    if (mkdirat(parent, name, 0755) < 0)
        return errno == EEXIST ? 0 : -errno;
    /* Files in it will be synced; the way to them must be synced, too. */
    return fsync(parent) < 0 && errno != EINVAL ? -errno : 0;
}

int root_make_directory(int root, const char *path)
{
    int fd = root_open(root, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    size_t length = strlen(path);
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    char prefix[PATH_MAX];
    for (size_t end = 1; end <= length; end++) {
        bool at_component_end = (path[end] == '/' || path[end] == '\0') && path[end - 1] != '/';
        if (!at_component_end)
            continue;
        memcpy(prefix, path, end);
        prefix[end] = '\0';
        cleanup(own_close) int there = root_open(root, prefix, O_PATH | O_DIRECTORY, 0);
        if (there >= 0)
            continue;
        int made = there == -ENOENT ? make_last(root, prefix) : there;
        if (made < 0)
            return made;
    }
    return root_open(root, path, O_RDONLY | O_DIRECTORY, 0);
}
