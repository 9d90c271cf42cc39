#include "builder/unpack/tree_remover.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

struct removal {
    int top;
    uint64_t number; /* of the last directory that was moved up */
};

/* Opens a directory, and makes it writable. Returns -1 if it is none, or on failure; errno says which. */
static int open_directory(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fchmod(fd, 0700) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

/* Moves a directory to the top, under a name that nothing there has. */
static bool move_up(struct removal *removal, int parent, const char *name)
{
    char number[24];
    struct stat status;
    cleanup(own_close) int fd = open_directory(parent, name);
    if (fd < 0)
        return false;
    do
        snprintf(number, sizeof number, "%ju", (uintmax_t)++removal->number);
    while (fstatat(removal->top, number, &status, AT_SYMLINK_NOFOLLOW) == 0);
    return errno == ENOENT && renameat(parent, name, removal->top, number) == 0;
}

static bool is_directory(int parent, const char *name)
{
    struct stat status;
    return fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Removes the entries of a directory below the top, or moves them up. */
static bool empty(struct removal *removal, int directory)
{
    cleanup(own_close_directory) DIR *entries = own_open_entries(directory);
    const struct dirent *entry;
    if (!entries)
        return false;
    while ((entry = own_next_entry(entries)))
        if (is_directory(directory, entry->d_name) ? !move_up(removal, directory, entry->d_name)
                                                   : unlinkat(directory, entry->d_name, 0) < 0)
            return false;
    return errno == 0;
}

static bool remove_from_top(struct removal *removal, const char *name)
{
    if (!is_directory(removal->top, name))
        return unlinkat(removal->top, name, 0) == 0;
    cleanup(own_close) int fd = open_directory(removal->top, name);
    return fd >= 0 && empty(removal, fd) && unlinkat(removal->top, name, AT_REMOVEDIR) == 0;
}

/* What is moved up while the top is read may not be seen by that reading. */
static bool empty_top(struct removal *removal)
{
    bool has_entry = true;
    while (has_entry) {
        cleanup(own_close_directory) DIR *entries = own_open_entries(removal->top);
        const struct dirent *entry;
        if (!entries)
            return false;
        has_entry = false;
        while ((entry = own_next_entry(entries))) {
            has_entry = true;
            if (!remove_from_top(removal, entry->d_name))
                return false;
        }
        if (errno != 0)
            return false;
    }
    return true;
}

bool tree_remove(int directory, const char *name, struct error *error)
{
    if (!is_directory(directory, name))
        return unlinkat(directory, name, 0) == 0 || errno == ENOENT ||
               error_errno(error, errno, "remove %s", name);
    cleanup(own_close) int fd = open_directory(directory, name);
    struct removal removal = { .top = fd };
    return (fd >= 0 && empty_top(&removal) && unlinkat(directory, name, AT_REMOVEDIR) == 0) ||
           error_errno(error, errno, "remove %s", name);
}
