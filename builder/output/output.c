#include "builder/output/output.h"

#include "schema/base/draft.h"
#include "schema/base/mount_point.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>

void output_release(const struct output *output)
{
    own_close(&output->directory);
}

/* In a sticky directory such as /tmp, a file may be replaced only by its owner or by the owner of
 * the directory. */
static bool is_protected(const struct statx *status, const struct stat *parent)
{
    uid_t user = geteuid();
    return (status->stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) ||
           (parent->st_mode & S_ISVTX && user != 0 && status->stx_uid != user &&
            parent->st_uid != user);
}

/* May the file or directory that exists under this name be replaced? */
static bool check_former(const char *path, enum output_kind kind, const struct statx *status,
                         const struct stat *parent, struct error *error)
{
    mode_t mode = status->stx_mode;
    if (S_ISLNK(mode))
        return error_set(error, "create %s: it is a symbolic link; give the path that it leads to",
                         path);
    if (mount_point_is(status, parent))
        return error_set(error, "create %s: it is a mount point; name something below it", path);
    if (kind == OUTPUT_FILE && S_ISDIR(mode))
        return error_set(error, "create %s: it is a directory; name a file in it", path);
    if (kind == OUTPUT_FILE && !S_ISREG(mode))
        return error_set(error, "create %s: it is not a regular file; choose another name", path);
    if (kind == OUTPUT_DIRECTORY && !S_ISDIR(mode))
        return error_set(error, "create %s: it is not a directory; choose another name", path);
    if (is_protected(status, parent))
        return error_set(error, "create %s: it may not be replaced by this user; remove it first",
                         path);
    return true;
}

static bool check_place(const struct output *output, const char *path, enum output_kind kind,
                        struct error *error)
{
    struct stat parent;
    struct statx status;
    if (fstat(output->directory, &parent) < 0)
        return error_errno(error, errno, "create %s", path);
    if (faccessat(output->directory, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return error_errno(error, errno,
                           "create %s: choose another directory, this one is not writable", path);
    if (statx(output->directory, output->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS, &status) < 0)
        return errno == ENOENT || error_errno(error, errno, "create %s", path);
    return check_former(path, kind, &status, &parent, error);
}

bool output_try(const struct output *output, const char *path, enum output_kind kind,
                struct error *error)
{
    return check_place(output, path, kind, error) &&
           (kind == OUTPUT_DIRECTORY || draft_try(output->directory, output->name, error));
}

bool output_find(const char *path, struct arena *arena, struct output *ret_output,
                 struct error *error)
{
    struct str plain = str_from(path);
    while (plain.len > 1 && plain.data[plain.len - 1] == '/')
        plain.len--;
    struct cut cut = str_cut_last(plain, '/');
    struct str name = cut.found ? cut.tail : plain;
    if (name.len == 0 || str_equal(name, STR(".")) || str_equal(name, STR("..")))
        return error_set(error, "create '%s': the path must end in the name of a file or directory",
                         path);
    const char *parent = !cut.found ? "." : cut.head.len ? arena_copy(arena, cut.head).data : "/";
    cleanup(output_release) struct output output = { .name = arena_copy(arena, name).data };
    output.directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (output.directory < 0)
        return error_errno(error, errno, "open the directory %s", parent);
    *ret_output = output;
    output.directory = -1;
    return true;
}

bool output_open(const char *path, enum output_kind kind, struct arena *arena,
                 struct output *ret_output, struct error *error)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    if (!output_find(path, arena, &output, error) || !output_try(&output, path, kind, error))
        return false;
    *ret_output = output;
    output.directory = -1;
    return true;
}
