#include "builder/output/directory_walk.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

struct walk {
    directory_visit *visit;
    void *context;
    size_t depth, length; /* of the path, without a final '/' */
    char path[PATH_MAX];
};

_Static_assert((DIRECTORY_WALK_DEPTH_MAX + 1) * (NAME_MAX + 1) <= PATH_MAX, "the longest path");

static bool walk_directory(struct walk *walk, int fd, struct error *error);

static bool walk_into(struct walk *walk, int parent, const char *name, struct error *error)
{
    cleanup(own_close) int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open %s", walk->path);
    if (walk->depth == DIRECTORY_WALK_DEPTH_MAX)
        return error_set(error, "%s is more than %d directories deep", walk->path,
                         DIRECTORY_WALK_DEPTH_MAX);
    walk->depth++;
    bool done = walk_directory(walk, fd, error);
    walk->depth--;
    return done;
}

static bool walk_entry(struct walk *walk, int fd, const char *name, struct error *error)
{
    size_t length = walk->length;
    mode_t mode;
    int added = snprintf(walk->path + length, sizeof walk->path - length, "%s%s",
                         length > 0 ? "/" : "", name);
    /* DIRECTORY_WALK_DEPTH_MAX names of at most NAME_MAX bytes, and one more. */
    assert(added > 0 && (size_t)added < sizeof walk->path - length);
    walk->length += (size_t)added;
    if (!file_look(fd, name, &mode, error) || (S_ISDIR(mode) && !walk_into(walk, fd, name, error)))
        return false;
    const struct directory_entry entry = { fd, name, walk->path, S_ISDIR(mode) };
    if (!walk->visit(walk->context, &entry, error))
        return false;
    walk->length = length;
    walk->path[length] = '\0';
    return true;
}

/* The caller names the directory in which the walk starts. */
static bool refuse_reading(const struct walk *walk, int code, struct error *error)
{
    return error_errno(error, code, "read the directory%s%s", walk->length > 0 ? " " : "",
                       walk->path);
}

static bool walk_directory(struct walk *walk, int fd, struct error *error)
{
    cleanup(own_close_directory) DIR *directory = own_open_entries(fd);
    if (!directory)
        return refuse_reading(walk, errno, error);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory)))
        if (!walk_entry(walk, fd, entry->d_name, error))
            return false;
    return errno == 0 || refuse_reading(walk, errno, error);
}

bool directory_walk(int directory, directory_visit *visit, void *context, struct error *error)
{
    struct walk walk = { .visit = visit, .context = context };
    return walk_directory(&walk, directory, error);
}
