#include "builder/ramdisk/newc.h"
#include "builder/ramdisk/ramdisk.h"
#include "schema/base/own.h"
#include "tests/check.h"
#include "tests/check_libraries.h"

#include <string.h>
#include <sys/mman.h>

static int file_of(const char *text)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

static void layers_have_numbers(struct arena arena)
{
    CHECK_STR(ramdisk_header_name(&arena, 0), "nix-store.squashfs.newc");
    CHECK_STR(ramdisk_header_name(&arena, 12), "nix-store.12.squashfs.newc");
}

static void archives_begin_on_a_multiple_of_four(struct arena arena)
{
    cleanup(own_close) int target = file_of(""), source = file_of("12345");
    struct ramdisk ramdisk = { .fd = target };
    uint64_t size = 0;
    CHECK_DONE(ramdisk_prepend(&ramdisk, (struct file){ source, "a" }, arena, &size, check_error));
    CHECK_NUMBER(size, 5);
    CHECK_NUMBER(ramdisk.size_bytes, 5);
    CHECK_DONE(ramdisk_prepend(&ramdisk, (struct file){ source, "a" }, arena, &size, check_error));
    CHECK_NUMBER(ramdisk.size_bytes, 13);
    CHECK_DONE(ramdisk_finish(&ramdisk, check_error));
    CHECK_NUMBER(ramdisk.size_bytes, 16);
    char bytes[16] = "";
    CHECK(pread(target, bytes, 16, 0) == 16 && memcmp(bytes, "12345\0\0\00012345\0\0\0", 16) == 0);
}

static void an_images_data_lies_on_a_page(struct arena arena)
{
    for (size_t before = 0; before < 4200; before += 4) {
        cleanup(own_close) int target = file_of(""), source = file_of("image");
        struct ramdisk ramdisk = { .fd = target, .size_bytes = before };
        char prefix[NEWC_PREFIX_MAX] = "", byte = 0;
        uint64_t size = 0;
        CHECK_DONE(ramdisk_add_image(&ramdisk, "nix-store.squashfs", (struct file){ source, "s" },
                                     arena, &size, check_error));
        uint64_t data = ramdisk.size_bytes - 8;
        ssize_t length = pread(target, prefix, data < sizeof prefix ? data : sizeof prefix,
                               (off_t)(data < sizeof prefix ? 0 : data - sizeof prefix));
        if (!CHECK_NUMBER(data % RAMDISK_ALIGN_BYTES, 0) ||
            !CHECK(pread(target, &byte, 1, (off_t)data) == 1 && byte == 'i') ||
            !CHECK(newc_ends_with_header(prefix, (size_t)length, "nix-store.squashfs", 5)))
            return;
    }
}

static void a_whole_archive_has_directories_files_and_an_end(struct arena arena)
{
    cleanup(own_close) int target = file_of(""), source = file_of("abc");
    struct ramdisk ramdisk = { .fd = target };
    struct ramdisk_member member = { "etc/key", S_IFREG | 0644, NEWC_ALIGN_BYTES };
    uint64_t size = 0;
    CHECK_DONE(ramdisk_add_directory(&ramdisk, "etc", check_error));
    CHECK_DONE(
        ramdisk_add(&ramdisk, &member, (struct file){ source, "key" }, arena, &size, check_error));
    CHECK_DONE(ramdisk_finish(&ramdisk, check_error));
    CHECK_NUMBER(size, 3);
    CHECK_NUMBER(ramdisk.member_count, 2);
    /* 110 + "etc" and its NUL, padded; 110 + "etc/key" and NUL, padded, and 4 of data; the trailer */
    CHECK_NUMBER(ramdisk.size_bytes, 116 + 120 + 4 + 124);
}

static void a_header_is_a_piece_of_its_own(void)
{
    cleanup(own_close) int target = file_of("");
    char prefix[RAMDISK_ALIGN_BYTES];
    CHECK_DONE(ramdisk_write_header(target, "nix-store.squashfs", 8192, check_error));
    CHECK(pread(target, prefix, sizeof prefix, 0) == sizeof prefix);
    CHECK(newc_ends_with_header(prefix, sizeof prefix, "nix-store.squashfs", 8192));
    CHECK_REFUSED(ramdisk_write_header(target, "image", 8191, check_error),
                  "image has 8191 bytes, not a multiple of 4096");
}

static void what_the_disk_refuses_is_told(struct arena arena)
{
    cleanup(own_close) int full = open("/dev/full", O_RDWR | O_CLOEXEC), source = file_of("abc");
    struct ramdisk ramdisk = { .fd = full };
    uint64_t size = 0;
    CHECK(!ramdisk_prepend(&ramdisk, (struct file){ source, "a" }, arena, &size, check_error));
    CHECK_NUMBER(size, 0);
    CHECK(!ramdisk_add_directory(&ramdisk, "etc", check_error));
    ramdisk = (struct ramdisk){ .fd = full, .size_bytes = 1 };
    CHECK_REFUSED(ramdisk_finish(&ramdisk, check_error),
                  "write the ramdisk: No space left on device");
}

struct failing {
    int source;
    struct arena arena;
};

/* All that a ramdisk can have. */
static bool write_failing(void *context)
{
    const struct failing *failing = context;
    struct file source = { failing->source, "source" };
    cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
    cleanup(own_close) int header = memfd_create("header", MFD_CLOEXEC);
    struct ramdisk ramdisk = { .fd = target };
    uint64_t size;
    return ramdisk_prepend(&ramdisk, source, failing->arena, &size, check_error) &&
           ramdisk_prepend(&ramdisk, source, failing->arena, &size, check_error) &&
           ramdisk_add_directory(&ramdisk, "etc", check_error) &&
           ramdisk_add_image(&ramdisk, "nix-store.squashfs", source, failing->arena, &size,
                             check_error) &&
           ramdisk_write_header(header, "nix-store.squashfs", 8192, check_error) &&
           ramdisk_finish(&ramdisk, check_error);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    cleanup(own_close) int source = file_of("12345");
    struct failing failing = { source, arena };
    CHECK(check_each(CHECK_CALLS, write_failing, &failing) > 10);
}

int main(void)
{
    return CHECK_ALL(CASE(layers_have_numbers), CASE(archives_begin_on_a_multiple_of_four),
                     CASE(an_images_data_lies_on_a_page),
                     CASE(a_whole_archive_has_directories_files_and_an_end),
                     CASE(a_header_is_a_piece_of_its_own), CASE(what_the_disk_refuses_is_told),
                     CASE(each_call_that_fails_is_a_sentence));
}
