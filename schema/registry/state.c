#include "schema/registry/state.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Creates a directory of STATE_DIR unless it exists. Returns it open, or a negative value. */
static int make(const struct store *store, const char *name, struct arena scratch,
                struct error *error)
{
    const char *path = arena_format(&scratch, "%s/%s", store->state_dir.data, name).data;
    int fd = root_make_directory(store->root, path);
    if (fd < 0)
        error_errno(error, -fd, "create the directory %s", path);
    return fd;
}

static const char *const directories[] = { "profiles/per-user", "gcroots/per-user", "temproots" };

/* A dangling link is also an obstacle: nothing is created through a link. */
bool state_check_directories(const struct store *store, struct arena scratch, struct error *error)
{
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        const char *path =
            arena_format(&scratch, "%s/%s", store->state_dir.data, directories[i]).data;
        cleanup(own_close) int fd = root_open(store->root, path, O_RDONLY | O_DIRECTORY, 0);
        cleanup(own_close) int link =
            fd == -ENOENT ? root_open(store->root, path, O_PATH | O_NOFOLLOW, 0) : -1;
        /* If `link` is a directory, another process has created it since. */
        struct stat status;
        bool is_dangling = link >= 0 && (fstat(link, &status) < 0 || S_ISLNK(status.st_mode));
        if (is_dangling || (fd < 0 && fd != -ENOENT))
            return error_errno(error, -fd, "create the directory %s", path);
    }
    return true;
}

bool state_make_directories(const struct store *store, struct arena scratch, struct error *error)
{
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        cleanup(own_close) int fd = make(store, directories[i], scratch, error);
        if (fd < 0)
            return false;
    }
    cleanup(own_close) int roots = make(store, "gcroots", scratch, error);
    if (roots < 0)
        return false;
    const char *profiles = arena_format(&scratch, "%s/profiles", store->state_dir.data).data;
    return symlinkat(profiles, roots, "profiles") == 0 || errno == EEXIST ||
           error_errno(error, errno, "create the link gcroots/profiles");
}

static bool is_read_only(int directory)
{
    return directory == -EROFS || (faccessat(directory, ".", W_OK, 0) < 0 && errno == EROFS);
}

bool state_tag(const struct store *store, const char *path, struct arena scratch,
               enum state_tag_answer *ret_answer, struct error *error)
{
    struct cut cut = str_cut_last(str_from(path), '/');
    if (!cut.found || cut.tail.len == 0)
        return error_set(error, "the tag '%s' is not an absolute path of a file", path);
    cleanup(own_close) int there = root_open(store->root, path, O_PATH, 0);
    *ret_answer = STATE_TAG_THERE;
    if (there >= 0)
        return true;
    if (there != -ENOENT)
        return error_errno(error, -there, "open %s", path);
    const char *parent = cut.head.len ? arena_copy(&scratch, cut.head).data : "/";
    cleanup(own_close) int directory = root_make_directory(store->root, parent);
    *ret_answer = STATE_TAG_READ_ONLY;
    if (is_read_only(directory))
        return true;
    if (directory < 0)
        return error_errno(error, -directory, "create the directory %s", parent);
    /* A file that another process has put there since is not changed. */
    cleanup(own_close) int fd =
        root_open(store->root, path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
    *ret_answer = STATE_TAG_MADE;
    if (fd < 0)
        return error_errno(error, -fd, "create %s", path);
    if (fsync(fd) < 0 && errno != EINVAL)
        return error_errno(error, errno, "write %s", path);
    return directory_sync(directory, error);
}

bool state_sync(const struct store *store, struct error *error)
{
    const char *path = store->state_dir.data;
    cleanup(own_close) int fd = root_open(store->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(error, -fd, "open %s", path);
    return syncfs(fd) == 0 || error_errno(error, errno, "make %s durable", path);
}
