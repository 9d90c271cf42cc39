/* verity_device.c — create the device, load its table, start it; then the link. What was made is
 * removed if a later step fails. */
#include "units/verity_device.h"

#include "schema/base/own.h"
#include "schema/boot/verity.h"
#include "units/loop_device.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    SECTOR_BYTES = 512,
    LINE_BYTES_MAX = 512, /* of a table */
    DEVICE_TEXT_BYTES = 32,
};

/* --- Arguments -------------------------------------------------------------------------------- */

static bool parse_number(const char *name, const char *text, uint64_t max, uint64_t *ret_number,
                         struct error *error)
{
    return str_to_number(str_from(text), max, ret_number) ||
           error_set(error, "%s '%s' is not a number", name, text);
}

bool verity_device_interpret(int argc, const char *const *argv, struct verity_device *ret_device,
                             struct error *error)
{
    struct verity_device device = { 0 };
    uint64_t number;
    if (argc != 5 && argc != 6)
        return error_set(error, "--verity expects N ROOT SIZE OFFSET IMAGE [VERITY]");
    if (!parse_number("N", argv[0], UINT16_MAX, &number, error) ||
        !hash_parse(str_from(argv[1]), &device.root, error) ||
        !parse_number("SIZE", argv[2], INT64_MAX, &device.size_bytes, error) ||
        !parse_number("OFFSET", argv[3], INT64_MAX, &device.offset, error))
        return false;
    if (device.offset % SECTOR_BYTES > 0)
        return error_set(error, "OFFSET '%s' is not a multiple of %d", argv[3], SECTOR_BYTES);
    device.number = (size_t)number;
    device.image = argv[4];
    device.verity = argv[5];
    *ret_device = device;
    return true;
}

struct str verity_device_table(const struct verity_device *device, const char *data,
                               const char *hash, uint64_t hash_start, struct arena *arena)
{
    return arena_format(arena, "1 %s %s %d %d %llu %llu sha256 %s -", data, hash,
                        VERITY_BLOCK_BYTES, VERITY_BLOCK_BYTES,
                        (unsigned long long)(device->size_bytes / VERITY_BLOCK_BYTES),
                        (unsigned long long)hash_start, hash_to_hex(&device->root).text);
}

/* --- Block devices below ---------------------------------------------------------------------- */

/* An open block device, and how a table names it. */
struct lower {
    int fd;
    uint64_t size_bytes;
    char name[DEVICE_TEXT_BYTES];
};

static void lower_close(struct lower *lower)
{
    own_close(&lower->fd);
}

static bool open_source(const char *path, uint64_t offset, int *ret_fd, struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", path);
    if (!S_ISBLK(status.st_mode) && !S_ISREG(status.st_mode))
        return error_set(error, "%s is neither a file nor a block device", path);
    if (S_ISREG(status.st_mode) || offset > 0)
        return loop_device_attach((struct file){ fd, path }, offset, ret_fd, error);
    *ret_fd = own_take(&fd);
    return true;
}

static bool open_lower(const char *path, uint64_t offset, struct lower *ret_lower,
                       struct error *error)
{
    struct stat status;
    if (!open_source(path, offset, &ret_lower->fd, error))
        return false;
    if (fstat(ret_lower->fd, &status) < 0 ||
        ioctl(ret_lower->fd, BLKGETSIZE64, &ret_lower->size_bytes) < 0)
        return error_errno(error, errno, "find the size of %s", path);
    snprintf(ret_lower->name, sizeof ret_lower->name, "%u:%u", major(status.st_rdev),
             minor(status.st_rdev));
    return true;
}

static bool check_size(const char *path, uint64_t there, uint64_t needed, struct error *error)
{
    return there >= needed ||
           error_set(error, "%s has %llu bytes, but image and verity data end at %llu", path,
                     (unsigned long long)there, (unsigned long long)needed);
}

/* --- device-mapper ---------------------------------------------------------------------------- */

/* The largest request: a table of one target. */
struct request {
    struct dm_ioctl head;
    struct dm_target_spec target;
    char line[LINE_BYTES_MAX];
};

static struct request new_request(const struct verity_device *device)
{
    struct request request = { .head = { .version = { DM_VERSION_MAJOR, 0, 0 },
                                         .data_size = sizeof request,
                                         .data_start = sizeof request.head,
                                         .flags = DM_READONLY_FLAG } };
    snprintf(request.head.name, sizeof request.head.name, "regd-store-%zu", device->number);
    return request;
}

static bool ask(int control, unsigned long command, struct request *request, const char *action,
                struct error *error)
{
    return ioctl(control, command, request) == 0 ||
           error_errno(error, errno, "%s %s", action, request->head.name);
}

static void remove_device(int control, const struct verity_device *device)
{
    struct request request = new_request(device);
    ioctl(control, DM_DEV_REMOVE, &request);
}

/* Creates the device and returns the number of its node, /dev/dm-NUMBER. */
static bool start_device(int control, const struct verity_device *device, struct str table,
                         unsigned *ret_number, struct error *error)
{
    struct request create = new_request(device), load = new_request(device),
                   resume = new_request(device);
    load.head.target_count = 1;
    load.target.length = device->size_bytes / SECTOR_BYTES;
    snprintf(load.target.target_type, sizeof load.target.target_type, "verity");
    assert(table.len < sizeof load.line); /* numbers, two devices' numbers and a hash */
    memcpy(load.line, table.data, table.len);
    if (!ask(control, DM_DEV_CREATE, &create, "create", error))
        return false;
    if (ask(control, DM_TABLE_LOAD, &load, "set up dm-verity for", error) &&
        ask(control, DM_DEV_SUSPEND, &resume, "start", error)) {
        *ret_number = minor(resume.head.dev);
        return true;
    }
    remove_device(control, device);
    return false;
}

/* --- All of it -------------------------------------------------------------------------------- */

/* dm-verity accepts any root hash, and only reads find out. */
static bool check_first_block(const struct verity_device *device, const char *path,
                              struct error *error)
{
    char block[VERITY_BLOCK_BYTES];
    cleanup(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    ssize_t length = pread(fd, block, sizeof block, 0);
    if (length == (ssize_t)sizeof block)
        return true;
    if (length < 0 && errno != EIO)
        return error_errno(error, errno, "read %s", path);
    return error_set(error,
                     "%s does not match root hash %s and %llu bytes; write the image again, or "
                     "correct root= and size=",
                     device->image, hash_to_hex(&device->root).text,
                     (unsigned long long)device->size_bytes);
}

static bool publish(const struct verity_device *device, unsigned number, struct arena *arena,
                    struct error *error)
{
    const char *path = arena_format(arena, "/dev/dm-%u", number).data;
    const char *link = arena_format(arena, VERITY_DEVICE_LINK, device->number).data;
    if (!check_first_block(device, path, error))
        return false;
    if (mkdir("/run/regd", 0755) < 0 && errno != EEXIST)
        return error_errno(error, errno, "create /run/regd");
    return symlink(path, link) == 0 || error_errno(error, errno, "create %s", link);
}

bool verity_device_make(const struct verity_device *device, struct arena *arena,
                        struct error *error)
{
    cleanup(lower_close) struct lower image = { .fd = -1 };
    cleanup(lower_close) struct lower verity = { .fd = -1 };
    struct verity_shape shape;
    unsigned number;
    if (!verity_shape_of(device->size_bytes, &shape, error) ||
        !open_lower(device->image, device->offset, &image, error) ||
        (device->verity && !open_lower(device->verity, 0, &verity, error)))
        return false;
    const struct lower *hash = device->verity ? &verity : &image;
    uint64_t start = device->verity ? 0 : device->size_bytes;
    if (!check_size(device->image, image.size_bytes, device->size_bytes, error) ||
        !check_size(device->verity ? device->verity : device->image, hash->size_bytes,
                    start + shape.size_bytes, error))
        return false;
    struct str table =
        verity_device_table(device, image.name, hash->name, start / VERITY_BLOCK_BYTES + 1, arena);
    cleanup(own_close) int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return error_errno(error, errno, "open /dev/mapper/control");
    if (!start_device(control, device, table, &number, error))
        return false;
    if (publish(device, number, arena, error))
        return true;
    remove_device(control, device);
    return false;
}
