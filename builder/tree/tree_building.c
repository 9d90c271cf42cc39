#include "builder/tree/tree_building.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool tree_create(const struct tree_building *building, const char *name, mode_t mode, int *ret_fd,
                 struct error *error)
{
    cleanup(own_close) int fd =
        openat(building->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return error_errno(error, errno, "create %s", name);
    *ret_fd = own_take(&fd);
    return true;
}

bool tree_seal(struct tree_building *building, const char *name, int fd, struct tree_file *ret_file,
               struct error *error)
{
    struct tree_file *file = &building->files[building->file_count];
    if (fsync(fd) < 0)
        return error_errno(error, errno, "write %s to disk", name);
    if (!tree_file_read(fd, name, *building->arena, file, error))
        return false;
    building->file_count++;
    if (ret_file)
        *ret_file = *file;
    return true;
}

bool tree_seal_ramdisk(struct tree_building *building, const char *name, int fd,
                       struct error *error)
{
    struct tree_description *description = &building->result.description;
    struct tree_file *file = &description->ramdisks[description->ramdisk_count];
    if (!tree_seal(building, name, fd, file, error))
        return false;
    description->ramdisk_count++;
    building->result.ramdisk_bytes += file->size_bytes;
    return true;
}
