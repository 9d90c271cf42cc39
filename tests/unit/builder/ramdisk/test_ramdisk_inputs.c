#include "builder/ramdisk/ramdisk_inputs.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "tests/check.h"
#include "tests/check_libraries.h"

static const char *in_directory(const char *name, struct arena *arena)
{
    return arena_format(arena, "%s/%s", check_directory_path(), name).data;
}

static void prepends_and_images_are_open(struct arena arena)
{
    struct option_list prepends = { 0 }, images = { 0 };
    cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = { .count = 0 } };
    CHECK_DONE(file_publish(check_directory(), "a", STR("A"), 0644, check_error));
    CHECK_DONE(file_publish(check_directory(), "b", STR("hsqs"), 0644, check_error));
    option_list_add(&prepends, in_directory("a", &arena), &arena);
    option_list_add(&images, in_directory("b", &arena), &arena);
    CHECK_DONE(ramdisk_inputs_open(&prepends, &images, &arena, &inputs, check_error));
    CHECK_NUMBER(inputs.prepends.count, 1);
    CHECK_NUMBER(inputs.images.count, 1);
}

static void an_image_that_is_too_large_is_refused(struct arena arena)
{
    int directory = check_directory();
    struct option_list prepends = { 0 }, images = { 0 };
    cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = { .count = 0 } };
    cleanup(own_close) int fd = openat(directory, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)1 << 32) == 0);
    option_list_add(&images, in_directory("large", &arena), &arena);
    CHECK_REFUSED(
        ramdisk_inputs_open(&prepends, &images, &arena, &inputs, check_error),
        arena_format(&arena,
                     "%s has 4294967296 bytes: a ramdisk cannot hold a file of 4 GiB or more",
                     images.items[0]));
}

static void what_does_not_begin_as_an_image_is_refused(struct arena arena)
{
    static const struct str contents[] = { STR(""), STR("hsq"), STR("sqsh...."),
                                           STR("\x7f"
                                               "ELF") };
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct option_list prepends = { 0 }, images = { 0 };
        cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = { .count = 0 } };
        check_about("row %zu", i);
        CHECK_DONE(file_publish(check_directory(), "a", contents[i], 0644, check_error));
        option_list_add(&images, in_directory("a", &arena), &arena);
        CHECK_REFUSED(ramdisk_inputs_open(&prepends, &images, &arena, &inputs, check_error),
                      arena_format(&arena, "%s: it is not a squashfs image", images.items[0]));
    }
}

static bool open_failing(void *context)
{
    struct arena arena = *(struct arena *)context;
    struct option_list prepends = { 0 }, images = { 0 };
    cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = { .count = 0 } };
    option_list_add(&prepends, in_directory("a", &arena), &arena);
    option_list_add(&images, in_directory("b", &arena), &arena);
    return ramdisk_inputs_open(&prepends, &images, &arena, &inputs, check_error);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    CHECK_DONE(file_publish(check_directory(), "a", STR("A"), 0644, check_error));
    CHECK_DONE(file_publish(check_directory(), "b", STR("hsqs"), 0644, check_error));
    CHECK(check_each(CHECK_CALLS, open_failing, &arena) > 5);
}

int main(void)
{
    return CHECK_ALL(
        CASE(prepends_and_images_are_open), CASE(an_image_that_is_too_large_is_refused),
        CASE(what_does_not_begin_as_an_image_is_refused), CASE(each_call_that_fails_is_a_sentence));
}
