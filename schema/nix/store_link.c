#include "schema/nix/store_link.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* The most links that Nix follows on the way to the store. */
enum { LINKS_MAX = 1024 };

/* Removes '.', '..' and repeated '/' textually. */
static struct str plain(struct str path, struct arena *arena)
{
    char *text = arena_new(arena, char, path.len + 2);
    size_t length = 0;
    for (struct cut cut = { .tail = path, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (cut.head.len == 0 || str_equal(cut.head, STR(".")))
            continue;
        if (str_equal(cut.head, STR(".."))) {
            while (length > 0 && text[--length] != '/')
                ;
            continue;
        }
        text[length++] = '/';
        memcpy(text + length, cut.head.data, cut.head.len);
        length += cut.head.len;
    }
    if (length == 0)
        text[length++] = '/';
    text[length] = '\0';
    return (struct str){ text, length };
}

struct str store_link_absolute(const struct store *store, const char *path, struct arena *arena)
{
    struct stat root, slash;
    char directory[PATH_MAX] = "";
    bool is_own_root = fstat(store->root, &root) == 0 && stat("/", &slash) == 0 &&
                       root.st_dev == slash.st_dev && root.st_ino == slash.st_ino;
    if (path[0] != '/' && is_own_root && !getcwd(directory, sizeof directory))
        directory[0] = '\0';
    return plain(arena_format(arena, "%s/%s", directory, path), arena);
}

bool store_link_is_inside(const struct store *store, struct str path)
{
    struct str base;
    return store_path_strip(path, store->store_dir, &base);
}

/* Returns the component of a path in the store that is the base name of the store path. */
static struct str top_of(const struct store *store, struct str path)
{
    return str_cut(str_skip(path, store->store_dir.len + 1), '/').head;
}

/* Replaces the first `end` bytes of `path`, which name a link, by the link's target. */
static bool replace(struct str *path, size_t end, int link, struct arena *arena,
                    struct error *error)
{
    char target[PATH_MAX];
    struct str name = { path->data, end }, rest = str_skip(*path, end);
    ssize_t length = readlinkat(link, "", target, sizeof target);
    if (length < 0 || (size_t)length >= sizeof target)
        return error_errno(error, length < 0 ? errno : ENAMETOOLONG, "read the link %.*s",
                           STR_ARG(name));
    struct str parent = target[0] == '/' ? STR("") : str_cut_last(name, '/').head;
    *path = plain(
        arena_format(arena, "%.*s/%.*s%.*s", STR_ARG(parent), (int)length, target, STR_ARG(rest)),
        arena);
    return true;
}

/* Follows the first link in `path`. Fails if there is none, because then the path does not lead to
 * a store path. */
static bool follow(const struct store *store, struct str *path, struct arena *arena,
                   struct error *error)
{
    bool is_inside = store_link_is_inside(store, *path);
    for (size_t end = is_inside ? store->store_dir.len + 1 : 1; end <= path->len; end++) {
        if (end < path->len && path->data[end] != '/')
            continue;
        struct stat status;
        const char *name = arena_copy(arena, (struct str){ path->data, end }).data;
        cleanup(own_close) int fd = root_open(store->root, name, O_PATH | O_NOFOLLOW, 0);
        if (fd < 0)
            return error_errno(error, -fd, "open %s", name);
        if (fstat(fd, &status) < 0)
            return error_errno(error, errno, "look at %s", name);
        if (S_ISLNK(status.st_mode))
            return replace(path, end, fd, arena, error);
    }
    if (!is_inside)
        return error_set(error, "'%s' is not in the store %s", path->data, store->store_dir.data);
    return error_set(error, "'%s' is inside a store path and not one itself; name %s/%.*s",
                     path->data, store->store_dir.data, STR_ARG(top_of(store, *path)));
}

/* Follows links until the path is inside the store, or, if `whole`, until it is a store path. */
static bool resolve(const struct store *store, const char *path_text, bool whole,
                    struct arena *arena, struct str *ret_base, struct error *error)
{
    struct str path = store_link_absolute(store, path_text, arena);
    for (int links = 0; !store_link_is_inside(store, path) ||
                        (whole && top_of(store, path).len < path.len - store->store_dir.len - 1);
         links++) {
        if (links == LINKS_MAX)
            return error_errno(error, ELOOP, "follow %s", path_text);
        if (!follow(store, &path, arena, error))
            return false;
    }
    struct str base = top_of(store, path);
    if (!store_path_check(base, error))
        return false;
    *ret_base = base;
    return true;
}

bool store_link_resolve(const struct store *store, const char *path, struct arena *arena,
                        struct str *ret_base, struct error *error)
{
    return resolve(store, path, true, arena, ret_base, error);
}

bool store_link_enclosing(const struct store *store, const char *path, struct arena *arena,
                          struct str *ret_base, struct error *error)
{
    return resolve(store, path, false, arena, ret_base, error);
}
