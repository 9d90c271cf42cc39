#include "builder/tree/tree_building.h"

#include "builder/output/checksums.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Creates the directories of the name. */
static bool create_directories(const struct tree_building *building, const char *name,
                               struct error *error)
{
    char directory[CHECKSUMS_NAME_MAX + 1];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - name), name);
        if (mkdirat(building->directory, directory, 0755) < 0 && errno != EEXIST)
            return error_errno(error, errno, "create the directory %s", directory);
    }
    return true;
}

bool tree_create(const struct tree_building *building, const char *name, mode_t mode, int *ret_fd,
                 struct error *error)
{
    if (!create_directories(building, name, error))
        return false;
    cleanup(own_close) int fd =
        openat(building->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return error_errno(error, errno, "create %s", name);
    *ret_fd = own_take(&fd);
    return true;
}

void tree_warn(struct tree_building *building, struct str sentence)
{
    option_list_add(&building->result.warnings, sentence.data, building->arena);
}

void tree_list(struct tree_building *building, const struct tree_file *file)
{
    building->files = arena_grow(building->arena, building->files, building->file_count,
                                 &building->file_capacity, sizeof *building->files);
    building->files[building->file_count++] = *file;
}

bool tree_rename(const struct tree_building *building, const char *name, const char *new_name,
                 struct error *error)
{
    int directory = building->directory;
    return create_directories(building, new_name, error) &&
           (renameat(directory, name, directory, new_name) == 0 ||
            error_errno(error, errno, "rename %s to %s", name, new_name));
}

bool tree_seal(struct tree_building *building, const char *name, int fd, struct tree_file *ret_file,
               struct error *error)
{
    struct tree_file file;
    if (fsync(fd) < 0)
        return error_errno(error, errno, "write %s to disk", name);
    if (!tree_file_read(fd, name, *building->arena, &file, error))
        return false;
    tree_list(building, &file);
    if (ret_file)
        *ret_file = file;
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
