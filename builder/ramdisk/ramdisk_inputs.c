#include "builder/ramdisk/ramdisk_inputs.h"

#include "builder/ramdisk/newc.h"

#include <errno.h>
#include <sys/stat.h>

void ramdisk_inputs_release(const struct ramdisk_inputs *inputs)
{
    input_files_release(&inputs->prepends);
    input_files_release(&inputs->images);
    ramdisk_files_release(&inputs->extras);
}

static bool check_members(const struct input_files *files, struct error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        struct stat status;
        if (fstat(files->fds[i], &status) < 0)
            return error_errno(error, errno, "open %s", files->names[i]);
        if (!newc_check_size(files->names[i], (uint64_t)status.st_size, error))
            return false;
    }
    return true;
}

bool ramdisk_inputs_open(const struct option_list *prepends, const struct option_list *images,
                         struct arena *arena, struct ramdisk_inputs *inputs, struct error *error)
{
    return input_files_open(prepends, arena, &inputs->prepends, error) &&
           input_files_open(images, arena, &inputs->images, error) &&
           check_members(&inputs->images, error) && ramdisk_files_open(&inputs->extras, error);
}
