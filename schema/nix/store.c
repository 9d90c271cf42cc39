#include "schema/nix/store.h"

#include "schema/base/own.h"
#include "schema/base/utf8.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

static bool choose(const char *given, const char *variable, const char *standard,
                   struct arena *arena, struct str *ret_path, struct error *error)
{
    const char *path = given ? given : getenv(variable);
    if (!path || !*path)
        path = standard;
    struct str plain = str_from(path);
    while (plain.len > 1 && plain.data[plain.len - 1] == '/')
        plain.len--;
    if (!str_starts(plain, STR("/")) || !str_is_plain_path(str_skip(plain, 1)))
        return error_set(error, "'%s' is not a plain absolute path", path);
    if (plain.len + 1 + STORE_PATH_BASE_MAX >= PATH_MAX)
        return error_set(error, "the path is too long: %zu bytes", plain.len);
    *ret_path = arena_copy(arena, plain);
    return true;
}

/* The store directory is part of every store path, and store paths are lines of manifests and
 * strings in JSON. */
static bool check_store_dir(struct str path, struct error *error)
{
    if (utf8_control_from(path) < path.len)
        return error_set(error, "'%s' has a control character", path.data);
    return utf8_wrong_from(path) == path.len || error_set(error, "'%s' is not UTF-8", path.data);
}

bool store_open(const char *root_path, const char *store_dir, const char *state_dir,
                struct arena *arena, struct store *ret_store, struct error *error)
{
    struct store store = { .root = -1 };
    if (!choose(store_dir, "NIX_STORE_DIR", STORE_DIR_DEFAULT, arena, &store.store_dir, error))
        return error_in(error, "store directory");
    if (!check_store_dir(store.store_dir, error))
        return error_in(error, "store directory");
    if (!choose(state_dir, "NIX_STATE_DIR", STATE_DIR_DEFAULT, arena, &store.state_dir, error))
        return error_in(error, "state directory");
    const char *root = root_path ? root_path : "/";
    store.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store.root < 0)
        return error_errno(error, errno, "open the root directory %s", root);
    *ret_store = store;
    return true;
}
