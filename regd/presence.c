#include "regd/presence.h"

#include "schema/base/own.h"
#include "schema/base/root.h"

#include <errno.h>
#include <fcntl.h>

bool presence_scan(const struct store *store, const struct name_table *table, bool *ret_present,
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
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            break;
        uint32_t path = name_table_find(table, str_from(entry->d_name));
        if (path != NAME_NONE)
            ret_present[path] = true;
    }
    return errno == 0 || error_errno(error, errno, "read the store %s", store->store_dir.data);
}
