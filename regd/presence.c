#include "regd/presence.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Reading a directory can miss a name that is replaced at that moment, as `nix-store --optimise`
 * does. So each missing name is looked up once more. */
static bool look_again(int directory, const struct path_list *list, bool *present,
                       struct error *error)
{
    struct stat status;
    char name[STORE_PATH_BASE_MAX + 1];
    for (size_t i = 0; i < list->count; i++) {
        if (present[i])
            continue;
        snprintf(name, sizeof name, "%.*s", STR_ARG(list->items[i].base));
        present[i] = fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
        if (!present[i] && errno != ENOENT)
            return error_errno(error, errno, "look at %s", name);
    }
    return true;
}

bool presence_scan(const struct store *store, const struct path_list *list, bool *ret_present,
                   struct error *error)
{
    cleanup(own_close) int fd =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return true;
    if (fd < 0)
        return error_errno(error, -fd, "open the store %s", store->store_dir.data);
    cleanup(own_close_directory) DIR *directory = fdopendir(fd);
    if (!directory)
        return error_errno(error, errno, "read the store %s", store->store_dir.data);
    own_take(&fd);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        uint32_t path = path_list_find(list, str_from(entry->d_name));
        if (path != NAME_NONE)
            ret_present[path] = true;
    }
    if (errno != 0)
        return error_errno(error, errno, "read the store %s", store->store_dir.data);
    return look_again(dirfd(directory), list, ret_present, error);
}
