#include "tests/check_store.h"

#include "schema/base/own.h"
#include "units/loop_device.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How many devices others have taken before they are configured, and how often that was tried. */
static unsigned busy, tried;

int ioctl(int fd, unsigned long command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == LOOP_CONFIGURE && tried++ < busy) {
        errno = EBUSY;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, command, argument);
}

/* Attaches a file of three sectors from the second one on. */
static bool attach(unsigned others, int *ret_loop)
{
    static char bytes[1536];
    memset(bytes, '0', 512);
    memset(bytes + 512, '1', 512);
    memset(bytes + 1024, '2', 512);
    check_file("file", (struct str){ bytes, sizeof bytes });
    busy = others;
    tried = 0;
    cleanup(own_close) int fd = openat(check_directory(), "file", O_RDONLY | O_CLOEXEC);
    return loop_device_attach((struct file){ fd, "file" }, 512, ret_loop, check_error);
}

static bool can_attach(void)
{
    if (geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0)
        return true;
    check_skip("no loop devices");
    return false;
}

static void a_file_is_attached_from_an_offset_to_be_read(void)
{
    cleanup(own_close) int loop = -1;
    struct loop_info64 info;
    uint64_t size_bytes;
    char bytes[1024];
    int is_read_only = 0;
    if (!can_attach() || !CHECK_DONE(attach(0, &loop)))
        return;
    CHECK(ioctl(loop, BLKGETSIZE64, &size_bytes) == 0);
    CHECK_NUMBER(size_bytes, 1024);
    CHECK_NUMBER(pread(loop, bytes, sizeof bytes, 0), sizeof bytes);
    CHECK(bytes[0] == '1' && bytes[511] == '1' && bytes[512] == '2' && bytes[1023] == '2');
    CHECK(ioctl(loop, BLKROGET, &is_read_only) == 0 && is_read_only);
    CHECK(ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && info.lo_flags & LO_FLAGS_AUTOCLEAR);
}

static void a_device_that_others_took_is_not_the_last(void)
{
    cleanup(own_close) int loop = -1;
    if (!can_attach())
        return;
    CHECK_DONE(attach(63, &loop));
    CHECK_NUMBER(tried, 64);
    own_close(&loop);
    loop = -1;
    CHECK_REFUSED(attach(64, &loop), "attach a loop device to file: Device or resource busy");
    CHECK_NUMBER(tried, 64);
    CHECK_NUMBER(loop, -1);
}

static void what_cannot_be_attached_is_told(void)
{
    int fd = -1;
    busy = 0;
    CHECK(!loop_device_attach((struct file){ -1, "name" }, 0, &fd, check_error));
    CHECK(strstr(check_error->sentence, "open /dev/loop-control: ") == check_error->sentence ||
          strstr(check_error->sentence, "attach a loop device to name: ") == check_error->sentence);
    CHECK_NUMBER(fd, -1);
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_is_attached_from_an_offset_to_be_read),
                     CASE(a_device_that_others_took_is_not_the_last),
                     CASE(what_cannot_be_attached_is_told));
}
