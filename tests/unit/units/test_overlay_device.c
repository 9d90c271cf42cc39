#include "tests/check_store.h"

#include "units/overlay_device.h"

#include <string.h>

static void its_arguments_are_checked(void)
{
    static const char *const good[] = { "/d", "/dev/x", "reboot:5", "reset", "/a", "/b" };
    static const char *const mode[] = { "/d", "/dev/x", "shell", "drop", "/a" };
    static const char *const action[] = { "/d", "/dev/x", "halt", "keep", "/a" };
    struct overlay_device device;
    if (CHECK_DONE(overlay_device_interpret(6, good, &device, check_error))) {
        CHECK_STR(device.directory, "/d");
        CHECK_STR(device.device, "/dev/x");
        CHECK(device.failure.action == FAILURE_REBOOT && device.failure.seconds == 5);
        CHECK(device.lower.resets && device.lower.count == 2);
        CHECK_STR(device.lower.layers[1], "/b");
    }
    CHECK_REFUSED(overlay_device_interpret(4, good, &device, check_error),
                  "--overlay-device expects DIR DEVICE FAILURE keep|reset LAYER...");
    CHECK_REFUSED(overlay_device_interpret(5, mode, &device, check_error),
                  "'drop' is not keep or reset");
    CHECK_REFUSED(overlay_device_interpret(5, action, &device, check_error),
                  "'halt' is not reboot, reboot:SECONDS, poweroff or shell");
}

static void a_file_system_is_known_by_its_superblock(struct arena arena)
{
    static const struct {
        const char *type, *magic;
        size_t offset;
    } rows[] = {
        { "ext4", "\x53\xef", 1080 },
        { "xfs", "XFSB", 0 },
        { "btrfs", "_BHRfS_M", 65600 },
        { "f2fs", "\x10\x20\xf5\xf2", 1024 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length = strlen(rows[i].magic);
        char *start = arena_alloc(&arena, 70000, 1);
        check_about("%s", rows[i].type);
        memcpy(start + rows[i].offset, rows[i].magic, length);
        CHECK_STR(overlay_device_type((struct str){ start, 70000 }), rows[i].type);
        CHECK_STR(overlay_device_type((struct str){ start, rows[i].offset + length }),
                  rows[i].type);
        CHECK(!overlay_device_type((struct str){ start, rows[i].offset + length - 1 }));
    }
    CHECK(!overlay_device_type(STR("")));
    CHECK(!overlay_device_type(STR("hsqs")));
}

static void what_is_no_file_system_is_told_and_framed(struct arena arena)
{
    const char *layer = "/";
    const char *directory = arena_format(&arena, "%s/place", check_directory_path()).data;
    const char *blank = arena_format(&arena, "%s/blank", check_directory_path()).data;
    struct overlay_device device = {
        .directory = directory,
        .device = "/dev/none",
        .failure = { FAILURE_REBOOT, 60 },
        .lower = { &layer, 1, false },
    };
    const char *moved;
    struct error error;
    CHECK_REFUSED(overlay_device_mount(&device, &arena, &moved, check_error),
                  "/dev/none does not exist; attach the disk, or correct regd.overlay=");
    CHECK(!overlay_device_mount(&device, &arena, &moved, &error));
    CHECK_STR(overlay_device_frame(&device, &error, &arena),
              "*******************************************************************************\n"
              "* The writable layer of the Nix store cannot be used.                         *\n"
              "* /dev/none does not exist; attach the disk, or correct regd.overlay=         *\n"
              "* The machine reboots in 60 s.                                                *\n"
              "*******************************************************************************\n");
    check_file("blank", STR("hsqs"));
    device.device = blank;
    CHECK_REFUSED(overlay_device_mount(&device, &arena, &moved, check_error),
                  arena_format(&arena,
                               "%s has no file system for the writable layer; format it, for "
                               "example with mkfs.ext4: ext4, xfs, btrfs and f2fs can be used",
                               blank));
    CHECK_STR(check_names("", &arena), " blank");
}

int main(void)
{
    return CHECK_ALL(CASE(its_arguments_are_checked),
                     CASE(a_file_system_is_known_by_its_superblock),
                     CASE(what_is_no_file_system_is_told_and_framed));
}
