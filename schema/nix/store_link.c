#include "schema/nix/store_link.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Nix follows at most so many links towards the store. */
enum { LINKS_MAX = 1024 };

/* Resolves '.', '..' and repeated '/' textually. */
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
    return str_starts(path, store->store_dir) && path.len > store->store_dir.len + 1 &&
           path.data[store->store_dir.len] == '/';
}

/* Follows the link that `path` is by one step. */
static bool follow(const struct store *store, struct str *path, struct arena *arena,
                   struct error *error)
{
    char target[PATH_MAX];
    cleanup(own_close) int fd = root_open(store->root, path->data, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return error_errno(error, -fd, "open %s", path->data);
    ssize_t length = readlinkat(fd, "", target, sizeof target);
    if (length < 0 && (errno == EINVAL || errno == ENOENT))
        return error_set(error, "'%s' is not in the store %s", path->data, store->store_dir.data);
    if (length < 0 || (size_t)length >= sizeof target)
        return error_errno(error, length < 0 ? errno : ENAMETOOLONG, "read the link %s",
                           path->data);
    struct str parent = str_cut_last(*path, '/').head;
    if (target[0] == '/')
        parent.len = 0;
    *path = plain(arena_format(arena, "%.*s/%.*s", STR_ARG(parent), (int)length, target), arena);
    return true;
}

bool store_link_resolve(const struct store *store, const char *path_text, struct arena *arena,
                        struct str *ret_base, struct error *error)
{
    struct str path = store_link_absolute(store, path_text, arena);
    for (int links = 0; !store_link_is_inside(store, path); links++) {
        if (links == LINKS_MAX)
            return error_errno(error, ELOOP, "follow %s", path_text);
        if (!follow(store, &path, arena, error))
            return false;
    }
    struct str base = str_cut(str_skip(path, store->store_dir.len + 1), '/').head;
    if (!store_path_check(base, error))
        return false;
    *ret_base = base;
    return true;
}
