#include "builder/output/input_files.h"

#include "schema/base/own.h"

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
