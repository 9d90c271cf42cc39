#include "tests/check_calls.h"

#include "units/overlay_device.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* --- The kernel's mounts -------------------------------------------------------------------------- */

/* What is mounted is the directory itself, which stays. */
static struct {
    bool refuses;
    unsigned count; /* of what is mounted */
    char source[256], type[16];
} mounts;

int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *options)
{
    (void)target, (void)options;
    errno = EINVAL;
    if (mounts.refuses)
        return -1;
    snprintf(mounts.source, sizeof mounts.source, "%s", source);
    snprintf(mounts.type, sizeof mounts.type, "%s", type);
    CHECK(flags == (MS_NOATIME | MS_NODEV | MS_NOSUID));
    mounts.count++;
    return 0;
}

int umount2(const char *target, int flags)
{
    (void)target;
    CHECK(flags == UMOUNT_NOFOLLOW);
    mounts.count--;
    return 0;
}

/* A device with ext4, named by a link as udev does, and a layer with a manifest. */
static struct overlay_device make_device(struct arena *arena)
{
    static const char *layer;
    char *start = arena_alloc(arena, 2048, 1);
    const char *root = check_directory_path();
    memcpy(start + 1080, "\x53\xef", 2);
    check_file("disk", (struct str){ start, 2048 });
    check_file("layer/nix-path-registration", STR("one\n"));
    if (symlinkat("disk", check_directory(), "by-label") < 0)
        CHECK(errno == EEXIST);
    layer = arena_format(arena, "%s/layer", root).data;
    memset(&mounts, 0, sizeof mounts);
    return (struct overlay_device){
        .directory = arena_format(arena, "%s/place", root).data,
        .device = arena_format(arena, "%s/by-label", root).data,
        .failure = { FAILURE_REBOOT, 60 },
        .lower = { &layer, 1, false },
    };
}

static int remove_below(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* --- Cases ---------------------------------------------------------------------------------------- */

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

static void a_device_becomes_the_writable_layer(struct arena arena)
{
    const char *moved;
    struct overlay_device device = make_device(&arena);
    CHECK_DONE(overlay_device_mount(&device, &arena, &moved, check_error));
    CHECK(!moved);
    CHECK_NUMBER(mounts.count, 1);
    CHECK_STR((const char *)mounts.type, "ext4");
    CHECK_STR((const char *)mounts.source, arena_format(&arena, "%s/disk", check_directory_path()));
    CHECK_STR(check_names("place", &arena), " layers store work");
}

static void each_step_that_is_refused_has_a_sentence(struct arena arena)
{
    const char *moved, *root = check_directory_path();
    struct overlay_device device = make_device(&arena), changed = device;
    changed.device = "/dev/null/x";
    CHECK_REFUSED(overlay_device_mount(&changed, &arena, &moved, check_error),
                  "open /dev/null/x: Not a directory");
    changed.device = root;
    CHECK_REFUSED(overlay_device_mount(&changed, &arena, &moved, check_error),
                  arena_format(&arena, "read %s: Is a directory", root));
    changed = device;
    changed.directory = "/none/place";
    CHECK_REFUSED(overlay_device_mount(&changed, &arena, &moved, check_error),
                  "create /none/place: No such file or directory");
    mounts.refuses = true;
    CHECK_REFUSED(overlay_device_mount(&device, &arena, &moved, check_error),
                  arena_format(&arena, "mount %s/by-label as ext4: Invalid argument", root));
    mounts.refuses = false;
    check_file("file", STR(""));
    changed.directory = arena_format(&arena, "%s/file", root).data;
    CHECK_REFUSED(overlay_device_mount(&changed, &arena, &moved, check_error),
                  arena_format(&arena, "open %s/file: Not a directory", root));
    CHECK_NUMBER(mounts.count, 0);
}

/* The store is never mounted above a layer that may be of other images. */
static void whichever_call_fails_it_is_unmounted(struct arena arena)
{
    const char *moved;
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        struct overlay_device device = make_device(&scratch);
        check_about("call %zu", number);
        check_calls_fail(number);
        bool is_done = overlay_device_mount(&device, &scratch, &moved, check_error);
        has_failed = check_calls_end();
        CHECK(is_done || (has_failed && check_error->sentence[0]));
        CHECK_NUMBER(mounts.count, is_done ? 1 : 0);
        if (is_done)
            CHECK_STR(check_names("place", &scratch), " layers store work");
        nftw(device.directory, remove_below, 8, FTW_DEPTH | FTW_PHYS);
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(its_arguments_are_checked), CASE(a_file_system_is_known_by_its_superblock),
        CASE(what_is_no_file_system_is_told_and_framed), CASE(a_device_becomes_the_writable_layer),
        CASE(each_step_that_is_refused_has_a_sentence), CASE(whichever_call_fails_it_is_unmounted));
}
