#include "builder/ramdisk/ramdisk_inputs.h"

#include "builder/ramdisk/newc.h"
#include "schema/base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void ramdisk_inputs_release(const struct ramdisk_inputs *inputs)
{
    input_files_release(&inputs->prepends);
    input_files_release(&inputs->images);
    ramdisk_files_release(&inputs->extras);
}

/* The first bytes of every squashfs image. Only 'regd-build verify' checks the rest. */
static const char squashfs_magic[] = { 'h', 's', 'q', 's' };

static bool check_image(struct file file, struct error *error)
{
    char begin[sizeof squashfs_magic];
    ssize_t got = file_pread(file.fd, begin, sizeof begin, 0);
    if (got < 0)
        return error_errno(error, errno, "read %s", file.name);
    return (got == sizeof begin && memcmp(begin, squashfs_magic, sizeof begin) == 0) ||
           error_set(error, "%s: it is not a squashfs image", file.name);
}

static bool check_images(const struct input_files *files, struct error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        struct file file = files->items[i];
        struct stat status;
        if (fstat(file.fd, &status) < 0)
            return error_errno(error, errno, "open %s", file.name);
        if (!newc_check_size(file.name, (uint64_t)status.st_size, error) ||
            !check_image(file, error))
            return false;
    }
    return true;
}

bool ramdisk_inputs_open(const struct option_list *prepends, const struct option_list *images,
                         struct arena *arena, struct ramdisk_inputs *inputs, struct error *error)
{
    return input_files_open(prepends, arena, &inputs->prepends, error) &&
           input_files_open(images, arena, &inputs->images, error) &&
           check_images(&inputs->images, error) && ramdisk_files_open(&inputs->extras, error);
}
