#include "tests/check_store.h"
#include "units/initrd_ramdisk.h"

#include <sys/stat.h>
#include <unistd.h>

static void the_command_line_and_the_root_are_read(struct arena arena)
{
    struct initrd_request request;
    check_file("proc/cmdline", STR("quiet regd.overlay-size=1g\n"));
    check_file("nix-store.squashfs", STR(""));
    CHECK_DONE(initrd_ramdisk_read(check_directory(), &arena, &request, check_error));
    CHECK_NUMBER(request.count, 1);
    CHECK_STR(request.overlay_size, "1g");
}

static void without_a_command_line_it_fails(struct arena arena)
{
    struct initrd_request request;
    CHECK_REFUSED(initrd_ramdisk_read(check_directory(), &arena, &request, check_error),
                  "open /proc/cmdline: No such file or directory");
}

int main(void)
{
    return CHECK_ALL(CASE(the_command_line_and_the_root_are_read),
                     CASE(without_a_command_line_it_fails));
}
