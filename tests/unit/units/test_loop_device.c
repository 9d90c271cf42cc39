#include "tests/check.h"
#include "units/loop_device.h"

#include <string.h>

/* More is seen in a machine: tests/boot/verity.sh. */
static void what_cannot_be_attached_is_told(void)
{
    int fd = -1;
    CHECK(!loop_device_attach((struct file){ -1, "name" }, 0, &fd, check_error));
    CHECK(strstr(check_error->sentence, "open /dev/loop-control: ") == check_error->sentence ||
          strstr(check_error->sentence, "attach a loop device to name: ") == check_error->sentence);
    CHECK_NUMBER(fd, -1);
}

int main(void)
{
    return CHECK_ALL(CASE(what_cannot_be_attached_is_told));
}
