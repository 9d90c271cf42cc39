#include "builder/output/input_files.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

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
        struct stat status;
        int fd = open(names->items[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
            return error_errno(error, errno, "open %s", names->items[i]);
        files->fds[files->count++] = fd;
        if (fstat(fd, &status) < 0)
            return error_errno(error, errno, "open %s", names->items[i]);
        if (!S_ISREG(status.st_mode))
            return error_set(error, "%s is not a file", names->items[i]);
    }
    return true;
}
