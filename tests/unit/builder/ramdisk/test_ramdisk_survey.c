#include "tests/check.h"
#include "tests/check_libraries.h"

#include "builder/ramdisk/ramdisk_archive.h"
#include "builder/ramdisk/ramdisk_survey.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Of two pages and a byte. */
enum { FILE_BYTES = 8193 };

/* What the directory and the file of each archive take. */
#define ARCHIVE_MEMORY (2 * RAMDISK_INODE_BYTES + 3 * RAMDISK_PAGE_BYTES)

static const char *file_text = "";

/* A directory, and a file that ends with the text. */
static bool fill(void *context, struct ramdisk *ramdisk, struct error *error)
{
    static const struct ramdisk_member member = { "file", S_IFREG | 0444, 4 };
    static char bytes[FILE_BYTES];
    uint64_t size;
    struct arena scratch = *(const struct arena *)context;
    cleanup(own_close) int source = memfd_create("file", MFD_CLOEXEC);
    memset(bytes, 'f', sizeof bytes);
    memcpy(bytes + sizeof bytes - strlen(file_text), file_text, strlen(file_text));
    return file_write((struct file){ source, "file" }, bytes, sizeof bytes, error) &&
           ramdisk_add_directory(ramdisk, "directory", error) &&
           ramdisk_add(ramdisk, &member, (struct file){ source, "file" }, scratch, &size, error) &&
           ramdisk_finish(ramdisk, error);
}

static int new_ramdisk(void)
{
    return memfd_create("ramdisk", MFD_CLOEXEC);
}

/* Adds an archive to the ramdisk, by that method of compression. */
static void add_archive(int fd, const char *method, struct arena *arena)
{
    struct ramdisk_compression compression = { 0 };
    struct ramdisk ramdisk = { .fd = fd, .size_bytes = (uint64_t)lseek(fd, 0, SEEK_END) };
    struct ramdisk_archive archive = {
        .compression = &compression,
        .crew = &(struct crew){ .jobs = 1 },
        .directory = check_directory(),
        .fill = fill,
        .context = arena,
        .arena = arena,
    };
    uint64_t offset;
    CHECK_DONE(ramdisk_compression_parse(str_from(method), &compression, check_error) &&
               ramdisk_archive_write(&archive, &ramdisk, &offset, check_error));
}

static void add_text(int fd, const char *text, size_t count)
{
    lseek(fd, 0, SEEK_END);
    CHECK_DONE(file_write((struct file){ fd, "ramdisk" }, text, count, check_error));
}

static void pages_and_inodes_are_counted(struct arena arena)
{
    (void)arena;
    CHECK_NUMBER(ramdisk_member_memory(0), RAMDISK_INODE_BYTES);
    CHECK_NUMBER(ramdisk_member_memory(1), RAMDISK_INODE_BYTES + RAMDISK_PAGE_BYTES);
    CHECK_NUMBER(ramdisk_member_memory(4096), RAMDISK_INODE_BYTES + RAMDISK_PAGE_BYTES);
    CHECK_NUMBER(ramdisk_member_memory(4097), RAMDISK_INODE_BYTES + 2 * RAMDISK_PAGE_BYTES);
    CHECK_NUMBER(ramdisk_member_memory(UINT32_MAX), RAMDISK_INODE_BYTES + ((uint64_t)1 << 32));
}

/* Any archive behind any other, with NULs between them. */
static void archives_follow_each_other(struct arena arena)
{
    static const char *const methods[] = { "none", "gzip:1", "xz:0", "zstd:1" };
    static const char zeros[5000];
    for (size_t i = 0; i < 16; i++) {
        struct ramdisk_survey survey = { 0 };
        cleanup(own_close) int fd = new_ramdisk();
        check_about("%s, %s", methods[i / 4], methods[i % 4]);
        add_archive(fd, methods[i / 4], &arena);
        size_t past = (size_t)(lseek(fd, 0, SEEK_END) % 4);
        add_text(fd, zeros, (4 - past) % 4 + (i % 2) * 4996);
        add_archive(fd, methods[i % 4], &arena);
        add_text(fd, zeros, 7);
        CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
        CHECK_STR(survey.fault.sentence, "");
        CHECK_NUMBER(survey.unpacked_bytes, 2 * ARCHIVE_MEMORY);
        CHECK(!survey.names_store_image);
    }
}

static void nothing_takes_nothing(struct arena arena)
{
    (void)arena;
    struct ramdisk_survey survey = { 0 };
    cleanup(own_close) int fd = new_ramdisk();
    CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
    CHECK_NUMBER(survey.unpacked_bytes, 0);
    CHECK_STR(survey.fault.sentence, "");
    CHECK(ftruncate(fd, 100000) == 0);
    CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
    CHECK_NUMBER(survey.unpacked_bytes, 0);
    CHECK_STR(survey.fault.sentence, "");
}

static void a_name_of_the_image_is_seen(struct arena arena)
{
    static const char *const methods[] = { "none", "zstd:1" };
    file_text = "/nix-store.squashfs";
    for (size_t i = 0; i < 2; i++) {
        struct ramdisk_survey survey = { 0 };
        cleanup(own_close) int fd = new_ramdisk();
        check_about("%s", methods[i]);
        add_archive(fd, methods[i], &arena);
        CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
        CHECK(survey.names_store_image);
    }
    file_text = "";
}

static void what_the_kernel_does_not_unpack_is_told(struct arena arena)
{
    static const struct {
        const char *behind, *sentence;
        size_t zeros;
    } cases[] = {
        { "what?", "it is neither a cpio archive nor compressed as the kernel knows it", 0 },
        { "070701", "an archive does not start on a multiple of 4", 1 },
        { "070701", "it is not a newc archive", 0 },
        { "\x1f\x8b and no more", NULL, 0 },
        { "\x89LZO", "it ends within a compressed stream", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ramdisk_survey survey = { 0 };
        cleanup(own_close) int fd = new_ramdisk();
        check_about("%s", cases[i].behind);
        add_archive(fd, "none", &arena);
        uint64_t there = (uint64_t)lseek(fd, 0, SEEK_END) + cases[i].zeros;
        add_text(fd, "\0", cases[i].zeros);
        add_text(fd, cases[i].behind, strlen(cases[i].behind));
        CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
        if (cases[i].sentence)
            CHECK_STR(survey.fault.sentence, cases[i].sentence);
        CHECK(survey.fault.sentence[0] != '\0');
        CHECK_NUMBER(survey.fault_offset, there);
        CHECK_NUMBER(survey.unpacked_bytes,
                     ARCHIVE_MEMORY + RAMDISK_UNPACK_FACTOR * strlen(cases[i].behind));
    }
}

/* Empty streams, of 13 bytes each. */
static void more_archives_than_a_ramdisk_has_are_told(struct arena arena)
{
    static const char empty[] = "\x28\xb5\x2f\xfd\x24\0\x01\0\0\x99\xe9\xd8\x51";
    struct ramdisk_survey survey = { 0 };
    (void)arena;
    for (size_t more = 0; more < 2; more++) {
        cleanup(own_close) int fd = new_ramdisk();
        for (size_t i = 0; i < RAMDISK_ARCHIVES_MAX + more; i++)
            add_text(fd, empty, sizeof empty - 1);
        CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
        CHECK_STR(survey.fault.sentence, more ? "it has more than 4096 archives" : "");
    }
}

/* 8 GiB of NULs, in some 8 MiB of gzip, would be granted; in some 300 KiB of zstd they are not. */
static bool fill_with_zeros(void *context, struct ramdisk *ramdisk, struct error *error)
{
    static const struct ramdisk_member member = { "zeros", S_IFREG | 0444, 4 };
    uint64_t offset;
    (void)context;
    return ramdisk_begin(ramdisk, &member, &offset, error) &&
           (ftruncate(ramdisk->fd, (off_t)(offset + (400 << 20))) == 0) &&
           ramdisk_end(ramdisk, 400 << 20, error) && ramdisk_finish(ramdisk, error);
}

static void more_than_is_granted_is_refused(struct arena arena)
{
    struct ramdisk_compression compression = { 0 };
    struct ramdisk_survey survey = { .unpacked_bytes = 7 };
    cleanup(own_close) int fd = new_ramdisk();
    struct ramdisk ramdisk = { .fd = fd };
    struct ramdisk_archive archive = {
        .compression = &compression,
        .crew = &(struct crew){ .jobs = 2 },
        .directory = check_directory(),
        .fill = fill_with_zeros,
        .arena = &arena,
    };
    uint64_t offset;
    CHECK_DONE(ramdisk_compression_parse(STR("zstd:1"), &compression, check_error) &&
               ramdisk_archive_write(&archive, &ramdisk, &offset, check_error));
    CHECK(!ramdisk_survey((struct file){ fd, "bomb" }, &survey, check_error));
    CHECK(str_starts(str_from(check_error->sentence),
                     STR("unpack the ramdisk bomb: its contents: more than 2")));
    CHECK_NUMBER(survey.unpacked_bytes, 7);
}

/* A fault of the ramdisk is not a failure of the survey: what cannot be read may be either. */
static bool survey_failing(void *context)
{
    const int *fd = context;
    struct ramdisk_survey survey;
    if (!ramdisk_survey((struct file){ *fd, "ramdisk" }, &survey, check_error))
        return false;
    if (survey.fault.sentence[0] == '\0')
        return CHECK_NUMBER(survey.unpacked_bytes, 2 * ARCHIVE_MEMORY);
    *check_error = survey.fault;
    return false;
}

static void each_call_that_fails_is_told(struct arena arena)
{
    static const char *const methods[] = { "none", "gzip:1", "xz:0", "zstd:1" };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        cleanup(own_close) int fd = new_ramdisk();
        add_archive(fd, methods[i], &arena);
        add_text(fd, "\0\0\0", (size_t)(4 - lseek(fd, 0, SEEK_END) % 4) % 4);
        add_archive(fd, methods[i], &arena);
        CHECK(check_each(CHECK_CALLS, survey_failing, &fd) > 5);
    }
}

/* Two archives in one stream, the second not on a multiple of 4. */
static bool fill_twice(void *context, struct ramdisk *ramdisk, struct error *error)
{
    if (!fill(context, ramdisk, error))
        return false;
    ramdisk->size_bytes++;
    uint64_t start = ramdisk->size_bytes;
    cleanup(own_close) int archive = new_ramdisk();
    struct ramdisk other = { .fd = archive };
    char bytes[1024] = "";
    if (!ramdisk_add_directory(&other, "directory", error) || !ramdisk_finish(&other, error))
        return false;
    ssize_t size = pread(archive, bytes, sizeof bytes, 0);
    CHECK(size > 0 && pwrite(ramdisk->fd, bytes, (size_t)size, (off_t)start) == size);
    ramdisk->size_bytes += (uint64_t)size;
    return true;
}

static void an_archive_within_a_stream_is_on_a_multiple_of_four(struct arena arena)
{
    struct ramdisk_compression compression = { 0 };
    struct ramdisk_survey survey = { 0 };
    cleanup(own_close) int fd = new_ramdisk();
    struct ramdisk ramdisk = { .fd = fd };
    struct ramdisk_archive archive = {
        .compression = &compression,
        .crew = &(struct crew){ .jobs = 1 },
        .directory = check_directory(),
        .fill = fill_twice,
        .context = &arena,
        .arena = &arena,
    };
    uint64_t offset;
    CHECK_DONE(ramdisk_compression_parse(STR("gzip:1"), &compression, check_error) &&
               ramdisk_archive_write(&archive, &ramdisk, &offset, check_error));
    CHECK_DONE(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, check_error));
    CHECK_STR(survey.fault.sentence, "an archive does not start on a multiple of 4");
}

int main(void)
{
    return CHECK_ALL(CASE(pages_and_inodes_are_counted), CASE(archives_follow_each_other),
                     CASE(nothing_takes_nothing), CASE(a_name_of_the_image_is_seen),
                     CASE(what_the_kernel_does_not_unpack_is_told),
                     CASE(more_archives_than_a_ramdisk_has_are_told),
                     CASE(more_than_is_granted_is_refused), CASE(each_call_that_fails_is_told),
                     CASE(an_archive_within_a_stream_is_on_a_multiple_of_four));
}
