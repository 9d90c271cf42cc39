#include "builder/output/input_files.h"

#include "schema/base/own.h"

#include <errno.h>

void input_files_release(const struct input_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        own_close(&files->items[i].fd);
}

bool input_files_open(const struct option_list *names, struct arena *arena,
                      struct input_files *files, struct error *error)
{
    files->items = arena_new(arena, struct file, names->count);
    for (size_t i = 0; i < names->count; i++) {
        files->items[i].name = names->items[i];
        if (!file_open_named(names->items[i], &files->items[i].fd, error))
            return false;
        files->count++;
    }
    return true;
}

bool input_files_size(const struct input_files *files, uint64_t *ret_size_bytes,
                      struct error *error)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct stat status;
        if (fstat(files->items[i].fd, &status) < 0)
            return error_errno(error, errno, "look at %s", files->items[i].name);
        bytes += (uint64_t)status.st_size;
    }
    *ret_size_bytes = bytes;
    return true;
}
