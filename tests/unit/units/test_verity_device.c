#include "tests/check_calls.h"
#include "tests/check_pinned.h"

#include "schema/base/own.h"
#include "units/loop_device.h"
#include "units/verity_device.h"

#include <errno.h>
#include <linux/dm-ioctl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void arguments_are_those_of_the_unit(void)
{
    const char *argv[] = { "3", ROOT, "528384", "1024", "/a", "/b", NULL };
    struct verity_device device;
    CHECK_DONE(verity_device_interpret(6, argv, &device, check_error));
    CHECK_NUMBER(device.number, 3);
    CHECK_STR(hash_to_hex(&device.root).text, ROOT);
    CHECK_NUMBER(device.size_bytes, 528384);
    CHECK_NUMBER(device.offset, 1024);
    CHECK_STR(device.image, "/a");
    CHECK_STR(device.verity, "/b");
    argv[5] = NULL;
    CHECK_DONE(verity_device_interpret(5, argv, &device, check_error));
    CHECK(!device.verity);
}

static void wrong_arguments_are_refused(void)
{
    static const struct {
        const char *argv[6];
        const char *sentence;
    } rows[] = {
        { { "x", ROOT, "4096", "0", "/a" }, "N 'x' is not a number" },
        { { "65536", ROOT, "4096", "0", "/a" }, "N '65536' is not a number" },
        { { "0", "f00", "4096", "0", "/a" }, "'f00' is not a SHA-256 hash" },
        { { "0", ROOT, "-1", "0", "/a" }, "SIZE '-1' is not a number" },
        { { "0", ROOT, "4096", "x", "/a" }, "OFFSET 'x' is not a number" },
        { { "0", ROOT, "4096", "1", "/a" }, "OFFSET '1' is not a multiple of 512" },
        { { "0", ROOT, "4096", "0" }, "--verity expects N ROOT SIZE OFFSET IMAGE [VERITY]" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verity_device device;
        int argc = 0;
        while (rows[i].argv[argc])
            argc++;
        CHECK_REFUSED(verity_device_interpret(argc, rows[i].argv, &device, check_error),
                      str_from(rows[i].sentence));
    }
}

/* As veritysetup sets it up, see dmsetup table. */
static void the_table_pins_everything(struct arena arena)
{
    struct verity_device device = { .size_bytes = 528384 };
    CHECK_STR(verity_device_table(&device, "7:0", "7:1", 130, &arena),
              "1 7:0 7:1 4096 4096 129 130 sha256 "
              "0000000000000000000000000000000000000000000000000000000000000000 -");
}

static void no_device_of_a_directory(struct arena arena)
{
    struct verity_device device = { .size_bytes = 4096, .image = "/" };
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "/ is neither a file nor a block device");
    device.image = "/none";
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "open /none: No such file or directory");
}

/* --- Devices ---------------------------------------------------------------------------------- */

/* A device-mapper that keeps what it is told; the kernel's own is used in tests/boot/verity.sh. Loop devices
 * are the kernel's. */
static struct {
    unsigned long fails; /* this request */
    char asked[64];      /* the first letter of each request's name */
    char table[512];
    uint64_t sectors;
    char start[64]; /* of the device with the image */
} mapper;

static void load(const struct dm_target_spec *target)
{
    unsigned number;
    char path[32];
    CHECK_STR(target->target_type, "verity");
    mapper.sectors = target->length;
    snprintf(mapper.table, sizeof mapper.table, "%s", (const char *)(target + 1));
    if (!CHECK(sscanf(mapper.table, "1 7:%u", &number) == 1))
        return;
    snprintf(path, sizeof path, "/dev/loop%u", number);
    /* Not by the calls that are made to fail. */
    cleanup(own_close) int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    CHECK_NUMBER(syscall(SYS_pread64, fd, mapper.start, sizeof mapper.start, 0),
                 sizeof mapper.start);
}

static int answer(unsigned long command, struct dm_ioctl *head)
{
    const struct dm_target_spec *target = (const void *)((const char *)head + head->data_start);
    const char *name = command == DM_DEV_CREATE    ? "C"
                       : command == DM_TABLE_LOAD  ? "L"
                       : command == DM_DEV_SUSPEND ? "S"
                                                   : "R";
    strcat(mapper.asked, name);
    CHECK_STR(head->name, "regd-store-3");
    CHECK(command == DM_DEV_REMOVE || head->flags & DM_READONLY_FLAG);
    if (command == mapper.fails) {
        errno = EIO;
        return -1;
    }
    if (command == DM_TABLE_LOAD) {
        CHECK_NUMBER(head->target_count, 1);
        load(target);
    }
    head->dev = makedev(253, 7);
    return 0;
}

int ioctl(int fd, unsigned long command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (check_calls_is_next())
        return -1;
    return _IOC_TYPE(command) == DM_IOCTL ? answer(command, argument)
                                          : (int)syscall(SYS_ioctl, fd, command, argument);
}

static void make_file(const char *path, struct str content)
{
    cleanup(own_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK_DONE(file_write((struct file){ fd, path }, content.data, content.len, check_error));
}

enum { LOOPS = 64 };

/* An own /dev with loop devices, a device-mapper and its seventh device, and an own, empty /run. */
static bool make_devices(struct str first_block)
{
    static bool is_private;
    char path[32];
    mapper.fails = 0;
    mapper.asked[0] = mapper.table[0] = '\0';
    if (!is_private &&
        (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return check_skip("no mount namespace"), false;
    is_private = true;
    if (!CHECK(mount("none", "/run", "tmpfs", 0, NULL) == 0 &&
               mount("none", "/dev", "tmpfs", 0, NULL) == 0))
        return false;
    if (mknod("/dev/loop-control", S_IFCHR | 0600, makedev(10, 237)) < 0 ||
        access("/sys/module/loop", F_OK) < 0)
        return check_skip("no loop devices"), false;
    for (unsigned i = 0; i < LOOPS; i++) {
        snprintf(path, sizeof path, "/dev/loop%u", i);
        CHECK(mknod(path, S_IFBLK | 0600, makedev(7, i)) == 0);
    }
    CHECK(mkdir("/dev/mapper", 0755) == 0);
    make_file("/dev/mapper/control", STR(""));
    make_file("/dev/dm-7", first_block);
    return true;
}

/* Writes the image behind `offset` bytes of its file, and the verity data behind it or to a file. */
static struct verity_device make_image(const struct check_pinned *pinned, size_t offset,
                                       bool is_appended, struct arena *arena)
{
    struct str behind = is_appended ? pinned->verity : STR("");
    struct str image = { NULL, offset + pinned->image.len + behind.len };
    char *bytes = arena_alloc(arena, image.len, 1);
    memcpy(bytes + offset, pinned->image.data, pinned->image.len);
    memcpy(bytes + offset + pinned->image.len, behind.data, behind.len);
    image.data = bytes;
    check_file("image", image);
    check_file("verity", pinned->verity);
    return (struct verity_device){
        .number = 3,
        .root = pinned->layer.root,
        .size_bytes = pinned->image.len,
        .offset = offset,
        .image = arena_format(arena, "%s/image", check_directory_path()).data,
        .verity =
            is_appended ? NULL : arena_format(arena, "%s/verity", check_directory_path()).data,
    };
}

static struct str link_target(struct arena *arena)
{
    char target[64];
    ssize_t length = readlink("/run/regd/verity.3", target, sizeof target);
    return length < 0 ? STR("(absent)") : arena_copy(arena, (struct str){ target, (size_t)length });
}

static void image_and_verity_data_become_a_device(struct arena arena)
{
    static const struct {
        size_t offset;
        bool is_appended;
    } rows[] = { { 0, false }, { 0, true }, { 1024, false }, { 1024, true } };
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char data[16], hash[16];
        bool is_appended = rows[i].is_appended;
        struct verity_device device = make_image(&pinned, rows[i].offset, is_appended, &arena);
        check_about("offset %zu, %s", rows[i].offset, is_appended ? "appended" : "apart");
        if (!make_devices(pinned.image))
            return;
        CHECK_DONE(verity_device_make(&device, &arena, check_error));
        CHECK_STR(mapper.asked, "CLS");
        CHECK_NUMBER(mapper.sectors, 16);
        CHECK(memcmp(mapper.start, pinned.image.data, sizeof mapper.start) == 0);
        CHECK_STR(link_target(&arena), "/dev/dm-7");
        CHECK(sscanf(mapper.table, "1 %15s %15s", data, hash) == 2);
        CHECK(strncmp(data, "7:", 2) == 0 && strncmp(hash, "7:", 2) == 0);
        CHECK((strcmp(data, hash) == 0) == is_appended);
        CHECK_STR(mapper.table,
                  verity_device_table(&device, data, hash, is_appended ? 3 : 1, &arena));
    }
}

static void a_block_device_is_used_as_it_is(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    struct stat status;
    cleanup(own_close) int loop = -1;
    cleanup(own_close) int image = open(device.image, O_RDONLY | O_CLOEXEC);
    if (!make_devices(pinned.image) ||
        !CHECK_DONE(
            loop_device_attach((struct file){ image, device.image }, 0, &loop, check_error)) ||
        !CHECK(fstat(loop, &status) == 0))
        return;
    device.image = arena_format(&arena, "/dev/loop%u", minor(status.st_rdev)).data;
    CHECK_DONE(verity_device_make(&device, &arena, check_error));
    struct str data = arena_format(&arena, "1 7:%u 7:", minor(status.st_rdev));
    CHECK(str_starts(str_from(mapper.table), data));
}

static void what_the_kernel_refuses_is_taken_back(struct arena arena)
{
    static const struct {
        unsigned long fails;
        const char *asked, *sentence;
    } rows[] = {
        { DM_DEV_CREATE, "C", "create regd-store-3: Input/output error" },
        { DM_TABLE_LOAD, "CLR", "set up dm-verity for regd-store-3: Input/output error" },
        { DM_DEV_SUSPEND, "CLSR", "start regd-store-3: Input/output error" },
    };
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].asked);
        if (!make_devices(pinned.image))
            return;
        mapper.fails = rows[i].fails;
        CHECK_REFUSED(verity_device_make(&device, &arena, check_error), str_from(rows[i].sentence));
        CHECK_STR(mapper.asked, rows[i].asked);
        CHECK_STR(link_target(&arena), "(absent)");
    }
    CHECK(unlink("/dev/mapper/control") == 0);
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "open /dev/mapper/control: No such file or directory");
}

/* A block that dm-verity refuses is an I/O error; here it is one that cannot be read whole. */
static void a_device_that_cannot_be_read_is_removed(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    if (!make_devices(STR("short")))
        return;
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  arena_format(&arena,
                               "%s does not match root hash %s and 8192 bytes; write the image "
                               "again, or correct root= and size=",
                               device.image, hash_to_hex(&device.root).text));
    CHECK(unlink("/dev/dm-7") == 0);
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "open /dev/dm-7: No such file or directory");
    CHECK(mkdir("/dev/dm-7", 0755) == 0);
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "read /dev/dm-7: Is a directory");
    CHECK_STR(mapper.asked, "CLSRCLSRCLSR");
}

static void so_is_one_without_a_link(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    if (!make_devices(pinned.image))
        return;
    make_file("/run/regd", STR(""));
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "create /run/regd/verity.3: Not a directory");
    CHECK(unlink("/run/regd") == 0);
    CHECK(mount(NULL, "/run", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "create /run/regd: Read-only file system");
    CHECK_STR(mapper.asked, "CLSRCLSR");
}

static void what_is_too_short_is_refused(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    if (!make_devices(pinned.image))
        return;
    check_file("image", (struct str){ pinned.image.data, 4096 });
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  arena_format(&arena, "%s has 4096 bytes, but image and verity data end at 8192",
                               device.image));
    check_file("image", pinned.image);
    check_file("verity", (struct str){ pinned.verity.data, 4096 });
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  arena_format(&arena, "%s has 4096 bytes, but image and verity data end at 8192",
                               device.verity));
    device.verity = NULL;
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  arena_format(&arena, "%s has 8192 bytes, but image and verity data end at 16384",
                               device.image));
    CHECK_STR(mapper.asked, "");
}

/* Whichever call fails: there is a device with its link, or neither. */
static void a_call_that_fails_leaves_no_device(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct verity_device device = make_image(&pinned, 0, false, &arena);
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        if (!make_devices(pinned.image))
            return;
        check_about("call %zu", number);
        check_calls_fail(number);
        bool is_done = verity_device_make(&device, &scratch, check_error);
        has_failed = check_calls_end();
        const char *created = strchr(mapper.asked, 'C');
        CHECK(is_done != has_failed);
        CHECK(is_done || check_error->sentence[0]);
        CHECK_STR(link_target(&scratch), is_done ? "/dev/dm-7" : "(absent)");
        CHECK(is_done || !created || strchr(created, 'R'));
        CHECK(umount2("/dev", MNT_DETACH) == 0 && umount2("/run", MNT_DETACH) == 0);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(arguments_are_those_of_the_unit), CASE(wrong_arguments_are_refused),
                     CASE(the_table_pins_everything), CASE(no_device_of_a_directory),
                     CASE(image_and_verity_data_become_a_device),
                     CASE(a_block_device_is_used_as_it_is),
                     CASE(what_the_kernel_refuses_is_taken_back),
                     CASE(a_device_that_cannot_be_read_is_removed), CASE(so_is_one_without_a_link),
                     CASE(what_is_too_short_is_refused), CASE(a_call_that_fails_leaves_no_device));
}
