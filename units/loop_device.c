#include "units/loop_device.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Others may take a free device before it is configured. */
enum { ATTEMPTS_MAX = 64 };

/* Opens a free device and attaches the file. Returns 0 or an errno value. */
static int attach_next(int control, int fd, uint64_t offset, int *ret_fd)
{
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0)
        return errno;
    char path[sizeof "/dev/loop" + 16];
    snprintf(path, sizeof path, "/dev/loop%d", number);
    cleanup(own_close) int loop = open(path, O_RDONLY | O_CLOEXEC);
    if (loop < 0)
        return errno;
    struct loop_config config = {
        .fd = (__u32)fd,
        .info = { .lo_offset = offset, .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR },
    };
    if (ioctl(loop, LOOP_CONFIGURE, &config) < 0)
        return errno;
    *ret_fd = own_take(&loop);
    return 0;
}

bool loop_device_attach(struct file file, uint64_t offset, int *ret_fd, struct error *error)
{
    cleanup(own_close) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return error_errno(error, errno, "open /dev/loop-control");
    int code = EBUSY;
    for (int i = 0; i < ATTEMPTS_MAX && code == EBUSY; i++)
        code = attach_next(control, file.fd, offset, ret_fd);
    return code == 0 || error_errno(error, code, "attach a loop device to %s", file.name);
}
