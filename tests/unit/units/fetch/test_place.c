#include "tests/check.h"

#include "schema/base/own.h"
#include "units/fetch/place.h"

static const uint64_t mebi = 1 << 20;

static void memory_that_is_available_is_read(void)
{
    static const struct {
        struct str text;
        uint64_t bytes;
    } rows[] = {
        { STR("MemTotal:  9 kB\nMemAvailable:   1234 kB\nBuffers: 1 kB\n"), 1234 * 1024 },
        { STR("MemAvailable: 0 kB\n"), 0 },
        { STR("MemTotal: 9 kB\n"), UINT64_MAX },
        { STR("MemAvailable: x kB\n"), UINT64_MAX },
        { STR("MemAvailable: 12\n"), UINT64_MAX },
        { STR(""), UINT64_MAX },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct place place;
        CHECK_DONE(place_look(check_directory(), rows[i].text, &place, check_error));
        CHECK(place.available_bytes == rows[i].bytes);
        CHECK(place.free_bytes > 0);
    }
}

static void memory_needs_a_reserve(void)
{
    struct place_need need = { 100 * mebi, mebi };
    struct place place = { true, 100 * mebi, 165 * mebi };
    CHECK_DONE(place_check(&place, &need, check_error));
    place.available_bytes--;
    CHECK_REFUSED(
        place_check(&place, &need, check_error),
        "too little memory: 165 MiB are needed, 101 for the images and 64 for the rest of "
        "the boot, and 164 MiB are available; give the machine 1 MiB more, or keep the "
        "images on a disk with regd.to=");
}

static void on_a_disk_memory_does_not_matter(void)
{
    struct place_need need = { 100 * mebi, mebi };
    struct place place = { false, 101 * mebi, 0 };
    CHECK_DONE(place_check(&place, &need, check_error));
    place.free_bytes -= 3 * mebi;
    CHECK_REFUSED(
        place_check(&place, &need, check_error),
        "too little space: 101 MiB are needed, and 98 MiB are free; make the file system 3 "
        "MiB larger, or remove files from it");
}

static void a_tmpfs_needs_room_for_the_images_only(void)
{
    struct place_need need = { 100 * mebi, mebi };
    struct place place = { true, 100 * mebi, UINT64_MAX };
    CHECK_DONE(place_check(&place, &need, check_error));
    place.free_bytes--;
    CHECK(!place_check(&place, &need, check_error));
}

int main(void)
{
    return CHECK_ALL(CASE(memory_that_is_available_is_read), CASE(memory_needs_a_reserve),
                     CASE(on_a_disk_memory_does_not_matter),
                     CASE(a_tmpfs_needs_room_for_the_images_only));
}
