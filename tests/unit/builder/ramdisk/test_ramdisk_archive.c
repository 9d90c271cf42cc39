#include "tests/check_libraries.h"
#include "tests/check_store.h"

#include "builder/ramdisk/ramdisk_archive.h"
#include "schema/base/own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define IMAGE "nix-store.squashfs"
enum { IMAGE_BYTES = 300000, BEFORE_BYTES = 512 };

static const char *const methods[] = { "none", "gzip:1", "xz:0", "zstd:1" };

/* A directory, and an image of so many 'i'. */
static bool fill(void *context, struct ramdisk *ramdisk, struct error *error)
{
    uint64_t size;
    struct arena scratch = *(const struct arena *)context;
    cleanup(own_close) int source = memfd_create("image", MFD_CLOEXEC);
    char *bytes = arena_room(&scratch, IMAGE_BYTES);
    memset(bytes, 'i', IMAGE_BYTES);
    return file_write((struct file){ source, "image" }, bytes, IMAGE_BYTES, error) &&
           ramdisk_add_directory(ramdisk, "directory", error) &&
           ramdisk_add_image(ramdisk, IMAGE, (struct file){ source, "image" }, scratch, &size,
                             error) &&
           ramdisk_finish(ramdisk, error);
}

static bool refuse(void *context, struct ramdisk *ramdisk, struct error *error)
{
    (void)context, (void)ramdisk;
    return error_set(error, "not filled");
}

/* A ramdisk of BEFORE_BYTES and the archive; its descriptor. */
static int make_ramdisk(const char *method, struct arena *arena, uint64_t *ret_offset)
{
    struct ramdisk_compression compression = { 0 };
    int fd = memfd_create("ramdisk", MFD_CLOEXEC);
    struct ramdisk ramdisk = { .fd = fd, .size_bytes = BEFORE_BYTES };
    CHECK_DONE(ramdisk_compression_parse(str_from(method), &compression, check_error));
    struct ramdisk_archive archive = {
        .compression = &compression,
        .crew = &(struct crew){ .jobs = 2 },
        .directory = check_directory(),
        .fill = fill,
        .context = arena,
        .arena = arena,
    };
    *ret_offset = BEFORE_BYTES;
    CHECK_DONE(ramdisk_archive_write(&archive, &ramdisk, ret_offset, check_error));
    return fd;
}

static struct budget space, contents;

/* The image as the tree describes it; 1 MiB may be unpacked, and as much be written. */
static struct packed_image image_of(uint64_t size_bytes)
{
    space = (struct budget){ .what = "space", .floor_bytes = 1 << 20 };
    contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
    return (struct packed_image){
        .name = IMAGE, .size_bytes = size_bytes, .space = &space, .contents = &contents
    };
}

static void an_image_is_unpacked_as_it_was(struct arena arena)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct str back = STR("");
        struct packed_image image = image_of(IMAGE_BYTES);
        cleanup(own_close) int ramdisk = make_ramdisk(methods[i], &arena, &image.archive_offset);
        cleanup(own_close) int unpacked = -1;
        check_about("%s", methods[i]);
        CHECK_NUMBER(image.archive_offset, BEFORE_BYTES);
        if (!CHECK_DONE(ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error)))
            continue;
        struct stat status = { 0 };
        CHECK(fstat(unpacked, &status) == 0 && status.st_nlink == 0);
        CHECK(lseek(unpacked, 0, SEEK_SET) == 0);
        CHECK_DONE(file_read_fd((struct file){ unpacked, "image" }, IMAGE_BYTES, &arena, &back,
                                check_error));
        CHECK_NUMBER(back.len, IMAGE_BYTES);
        CHECK(back.len > 0 && back.data[0] == 'i' &&
              memcmp(back.data, back.data + 1, back.len - 1) == 0);
    }
}

static void what_is_not_the_image_is_refused(struct arena arena)
{
    struct packed_image image = image_of(IMAGE_BYTES - 1);
    cleanup(own_close) int ramdisk = make_ramdisk("zstd:1", &arena, &image.archive_offset);
    int unpacked = -7;
    CHECK_REFUSED(ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it has 300000 bytes, and boot.json says 299999");
    image.name = "other";
    CHECK_REFUSED(ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it has no other");
    image.name = "directory";
    CHECK_REFUSED(ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it has directory, which is not a file");
    CHECK_NUMBER(unpacked, -7);
}

/* Cut off behind any byte, it is refused, or the image is whole. */
static void a_damaged_archive_is_refused(struct arena arena)
{
    for (size_t i = 1; i < sizeof methods / sizeof *methods; i++) {
        struct packed_image image = image_of(IMAGE_BYTES);
        cleanup(own_close) int ramdisk = make_ramdisk(methods[i], &arena, &image.archive_offset);
        off_t size = lseek(ramdisk, 0, SEEK_END), middle = (BEFORE_BYTES + size) / 2;
        int unpacked = -7;
        check_about("%s", methods[i]);
        CHECK(ftruncate(ramdisk, middle) == 0);
        CHECK(!ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error));
        CHECK(str_starts(str_from(check_error->sentence), STR("unpack the ramdisk's archive: ")));
        CHECK(ftruncate(ramdisk, BEFORE_BYTES) == 0);
        CHECK(!ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error));
        CHECK_NUMBER(unpacked, -7);
    }
}

/* A header whose numbers are 0 but for two; the archive is not compressed, and ends behind it. */
static int make_header(const char *size, const char *name_size)
{
    int fd = memfd_create("ramdisk", MFD_CLOEXEC);
    CHECK(dprintf(fd, "070701%048d%s%032d%s%08dlink", 0, size, 0, name_size, 0) > 0);
    return fd;
}

/* Names and links are as long as a header says, up to 4 GiB: memory is not had for them. */
static void what_a_header_claims_is_not_believed(struct arena arena)
{
    (void)arena;
    struct packed_image image = image_of(IMAGE_BYTES);
    cleanup(own_close) int long_name = make_header("00000000", "fea00002");
    cleanup(own_close) int no_name = make_header("00000000", "00000000");
    cleanup(own_close) int long_link = make_header("fea00002", "00000004");
    int unpacked = -7;
    CHECK_REFUSED(ramdisk_archive_unpack(long_name, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it is not a newc archive");
    CHECK_REFUSED(ramdisk_archive_unpack(no_name, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it is not a newc archive");
    CHECK_REFUSED(ramdisk_archive_unpack(long_link, &image, &unpacked, check_error),
                  "unpack the ramdisk's archive: it ends within a member");
    CHECK_NUMBER(unpacked, -7);
}

/* Nothing is written before it is paid for; what is skipped is paid for, too. */
static void what_costs_too_much_is_refused(struct arena arena)
{
    struct packed_image image = image_of(IMAGE_BYTES);
    cleanup(own_close) int ramdisk = make_ramdisk("zstd:1", &arena, &image.archive_offset);
    cleanup(own_close) int unpacked = -1;
    space.floor_bytes = IMAGE_BYTES - 1;
    CHECK_REFUSED(
        ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
        "unpack the ramdisk's archive: space: more than 299999 bytes, the limit for 0 bytes of input");
    space.floor_bytes = IMAGE_BYTES;
    contents.floor_bytes = 1000;
    CHECK_REFUSED(
        ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
        "unpack the ramdisk's archive: contents: more than 1000 bytes, the limit for 0 bytes of input");
    CHECK_NUMBER(unpacked, -1);
}

static void a_place_that_takes_no_files_is_told(struct arena arena)
{
    struct packed_image image = image_of(IMAGE_BYTES);
    cleanup(own_close) int ramdisk = make_ramdisk("zstd:1", &arena, &image.archive_offset);
    int unpacked;
    const char *former = getenv("TMPDIR");
    former = former ? arena_copy(&arena, str_from(former)).data : NULL;
    setenv("TMPDIR", "/no/where", 1);
    CHECK_REFUSED(
        ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error),
        "unpack the ramdisk's archive: open the directory of temporary files, /no/where: No such file or directory");
    setenv("TMPDIR", "/proc", 1);
    CHECK(!ramdisk_archive_unpack(ramdisk, &image, &unpacked, check_error));
    CHECK(str_starts(str_from(check_error->sentence),
                     STR("unpack the ramdisk's archive: /proc: create a temporary file: ")));
    if (former)
        setenv("TMPDIR", former, 1);
    else
        unsetenv("TMPDIR");
}

static void a_failure_to_fill_is_told(struct arena arena)
{
    for (size_t i = 0; i < 2; i++) {
        uint64_t offset;
        struct ramdisk_compression compression;
        struct ramdisk ramdisk = { .fd = -1 };
        CHECK_DONE(ramdisk_compression_parse(str_from(methods[i]), &compression, check_error));
        struct ramdisk_archive archive = {
            .compression = &compression,
            .crew = &(struct crew){ .jobs = 1 },
            .directory = check_directory(),
            .fill = refuse,
            .arena = &arena,
        };
        CHECK_REFUSED(ramdisk_archive_write(&archive, &ramdisk, &offset, check_error),
                      "not filled");
    }
}

struct failing {
    const char *method;
    struct arena arena;
};

/* Writes a ramdisk and unpacks the image. */
static bool unpack_failing(void *context)
{
    struct failing *failing = context;
    struct arena arena = failing->arena;
    struct ramdisk_compression compression;
    struct packed_image image = image_of(IMAGE_BYTES);
    cleanup(own_close) int fd = memfd_create("ramdisk", MFD_CLOEXEC);
    cleanup(own_close) int unpacked = -1;
    struct ramdisk ramdisk = { .fd = fd };
    struct ramdisk_archive archive = {
        .compression = &compression,
        .crew = &(struct crew){ .jobs = 1 },
        .directory = check_directory(),
        .fill = fill,
        .context = &arena,
        .arena = &arena,
    };
    return ramdisk_compression_parse(str_from(failing->method), &compression, check_error) &&
           ramdisk_archive_write(&archive, &ramdisk, &image.archive_offset, check_error) &&
           ramdisk_archive_unpack(fd, &image, &unpacked, check_error);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct failing failing = { methods[i], arena };
        CHECK(check_each(CHECK_CALLS, unpack_failing, &failing) > 10);
        CHECK(check_each(CHECK_ALL_CALLS, unpack_failing, &failing) > 10);
        CHECK_STR(check_names(".", &arena), "");
    }
}

int main(void)
{
    return CHECK_ALL(CASE(an_image_is_unpacked_as_it_was), CASE(what_is_not_the_image_is_refused),
                     CASE(a_damaged_archive_is_refused), CASE(what_a_header_claims_is_not_believed),
                     CASE(what_costs_too_much_is_refused),
                     CASE(a_place_that_takes_no_files_is_told), CASE(a_failure_to_fill_is_told),
                     CASE(each_call_that_fails_is_a_sentence));
}
