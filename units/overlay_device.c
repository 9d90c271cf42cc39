#include "units/overlay_device.h"

#include "schema/base/own.h"
#include "units/initrd_request.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* The last magic number, that of btrfs, is in the superblock at 64 KiB. */
enum { START_BYTES = 0x11000 };

bool overlay_device_interpret(int argc, const char *const *argv, struct overlay_device *ret_device,
                              struct error *error)
{
    static const enum failure_action actions[] = {
        [INITRD_REBOOT] = FAILURE_REBOOT,
        [INITRD_POWEROFF] = FAILURE_POWEROFF,
        [INITRD_SHELL] = FAILURE_SHELL,
    };
    enum initrd_failure failure;
    unsigned seconds;
    if (argc < 5)
        return error_set(error, "--overlay-device expects DIR DEVICE FAILURE keep|reset LAYER...");
    bool resets = strcmp(argv[3], "reset") == 0;
    if (!resets && strcmp(argv[3], "keep") != 0)
        return error_set(error, "'%s' is not keep or reset", argv[3]);
    if (!initrd_failure_parse(str_from(argv[2]), &failure, &seconds, error))
        return false;
    *ret_device = (struct overlay_device){
        .directory = argv[0],
        .device = argv[1],
        .failure = { actions[failure], seconds },
        .lower = { .layers = argv + 4, .count = (size_t)argc - 4, .resets = resets },
    };
    return true;
}

/* --- The file system -------------------------------------------------------------------------- */

const char *overlay_device_type(struct str start)
{
    static const struct {
        const char *type;
        size_t offset;
        struct str magic;
    } rows[] = {
        { "ext4", 0x438, STR("\x53\xef") },
        { "xfs", 0, STR("XFSB") },
        { "btrfs", 0x10040, STR("_BHRfS_M") },
        { "f2fs", 0x400, STR("\x10\x20\xf5\xf2") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (start.len > rows[i].offset &&
            str_starts(str_skip(start, rows[i].offset), rows[i].magic))
            return rows[i].type;
    return NULL;
}

static bool find_type(const struct overlay_device *device, struct arena scratch,
                      const char **ret_type, struct error *error)
{
    char *start = arena_room(&scratch, START_BYTES);
    size_t count;
    cleanup(own_close) int fd = open(device->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(
            error, "%s does not exist; attach the disk, or correct regd.overlay=", device->device);
    if (fd < 0)
        return error_errno(error, errno, "open %s", device->device);
    if (!file_read_at((struct file){ fd, device->device }, start, START_BYTES, 0, &count, error))
        return false;
    *ret_type = overlay_device_type((struct str){ start, count });
    return *ret_type || error_set(error,
                                  "%s has no file system for the writable layer; format it, for "
                                  "example with mkfs.ext4: ext4, xfs, btrfs and f2fs can be used",
                                  device->device);
}

/* --- All of it -------------------------------------------------------------------------------- */

static bool prepare(const struct overlay_device *device, struct arena *arena,
                    const char **ret_moved, struct error *error)
{
    cleanup(own_close) int directory =
        open(device->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open %s", device->directory);
    return overlay_record_prepare((struct file){ directory, device->device }, &device->lower, arena,
                                  ret_moved, error);
}

bool overlay_device_mount(const struct overlay_device *device, struct arena *arena,
                          const char **ret_moved, struct error *error)
{
    const char *type;
    char *node = arena_room(arena, PATH_MAX); /* as mount(8) does: links of udev do not stay */
    assert(device->directory && device->device);
    if (!find_type(device, *arena, &type, error))
        return false;
    if (mkdir(device->directory, 0755) < 0 && errno != EEXIST)
        return error_errno(error, errno, "create %s", device->directory);
    if (!realpath(device->device, node))
        return error_errno(error, errno, "find %s", device->device);
    if (mount(node, device->directory, type, MS_NOATIME | MS_NODEV | MS_NOSUID, NULL) < 0)
        return error_errno(error, errno, "mount %s as %s", device->device, type);
    if (prepare(device, arena, ret_moved, error))
        return true;
    umount2(device->directory, UMOUNT_NOFOLLOW);
    return false;
}

struct str overlay_device_frame(const struct overlay_device *device, const struct error *error,
                                struct arena *arena)
{
    return failure_frame(STR("The writable layer of the Nix store cannot be used."),
                         str_from(error->sentence), &device->failure, arena);
}
