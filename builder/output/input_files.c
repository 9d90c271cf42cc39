#include "builder/output/input_files.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

void input_files_release(const struct input_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        own_close(&files->fds[i]);
}

bool input_files_open(const struct option_list *names, struct arena *arena,
                      struct input_files *files, struct error *error)
{
    files->names = (const char *const *)names->items;
    files->fds = arena_new(arena, int, names->count);
    for (size_t i = 0; i < names->count; i++) {
        if (!file_open_named(names->items[i], &files->fds[i], error))
            return false;
        files->count++;
    }
    return true;
}
