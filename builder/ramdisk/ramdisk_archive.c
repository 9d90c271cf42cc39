#include "builder/ramdisk/ramdisk_archive.h"

#include "schema/base/own.h"

#include <archive.h>
#include <archive_entry.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is handed to the decompressor before it is asked how much it has made: no compression makes more
 * than 32768 times of it. */
enum { READ_BYTES = 64 << 10 };

struct reading {
    int fd; /* borrowed */
    uint64_t next;
    struct archive *archive; /* owned */
    struct budget *contents;
    int64_t unpacked_bytes; /* that were paid for */
    struct error *error;
    bool is_refused; /* the error is set */
    char bytes[READ_BYTES];
};

/* A new file without a name in the directory, which vanishes when it is closed. */
static bool open_unnamed(int directory, int *ret_fd, struct error *error)
{
    int fd = openat(directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    /* Not every file system has files without a name; then it has one for a moment. */
    if (fd < 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d/.ramdisk-XXXXXX", directory);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    *ret_fd = fd;
    return fd >= 0 || error_errno(error, errno, "create a temporary file");
}

bool ramdisk_archive_write(const struct ramdisk_archive *archive, struct ramdisk *ramdisk,
                           uint64_t *ret_offset, struct error *error)
{
    assert(!ramdisk->member && archive->fill);
    if (!archive->compression->is_on)
        return archive->fill(archive->context, ramdisk, error);
    cleanup(own_close) int fd = -1;
    if (!open_unnamed(archive->directory, &fd, error))
        return false;
    struct ramdisk plain = { .fd = fd };
    return archive->fill(archive->context, &plain, error) &&
           ramdisk_compress(archive->compression, archive->jobs, &plain, ramdisk, *archive->arena,
                            ret_offset, error);
}

static bool make_temporary(int *ret_fd, struct error *error)
{
    const char *given = secure_getenv("TMPDIR");
    const char *path = given && *given ? given : "/tmp";
    cleanup(own_close) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open the directory of temporary files, %s", path);
    return open_unnamed(directory, ret_fd, error) || error_in(error, "%s", path);
}

static void free_reading(const struct reading *reading)
{
    if (reading->archive)
        archive_read_free(reading->archive);
}

static bool failed(const struct reading *reading)
{
    const char *cause = archive_error_string(reading->archive);
    if (reading->is_refused)
        return false;
    return error_set(reading->error, "unpack the ramdisk's archive: %s",
                     cause ? cause : "libarchive cannot");
}

/* Of what the system says libarchive keeps only the number. */
static bool failed_to_write(const struct reading *reading)
{
    int code = archive_errno(reading->archive);
    bool is_of_system = code == ENOSPC || code == EFBIG || code == EDQUOT || code == EIO;
    if (!reading->is_refused && is_of_system)
        return error_errno(reading->error, code, "unpack the ramdisk's archive");
    return failed(reading);
}

/* Pays for what was unpacked since the last time. A member that is skipped is unpacked, too. */
static bool pay(struct reading *reading)
{
    int64_t unpacked = archive_filter_bytes(reading->archive, 0);
    if (unpacked <= reading->unpacked_bytes)
        return true;
    uint64_t more = (uint64_t)(unpacked - reading->unpacked_bytes);
    reading->unpacked_bytes = unpacked;
    return budget_spend(reading->contents, more, reading->error);
}

static la_ssize_t read_some(struct archive *archive, void *context, const void **ret_bytes)
{
    struct reading *reading = context;
    size_t got = 0;
    (void)archive;
    reading->is_refused =
        !pay(reading) || !file_read_at(reading->fd, "the ramdisk", reading->bytes, READ_BYTES,
                                       reading->next, &got, reading->error);
    reading->next += got;
    *ret_bytes = reading->bytes;
    return reading->is_refused ? -1 : (la_ssize_t)got;
}

static bool is_named(struct archive_entry *entry, const char *name)
{
    const char *path = archive_entry_pathname(entry);
    return path && strcmp(path, name) == 0;
}

static bool open_archive(struct reading *reading)
{
    struct archive *archive = reading->archive;
    return (archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
            archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
            archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
            archive_read_support_format_cpio(archive) == ARCHIVE_OK &&
            archive_read_open(archive, reading, NULL, read_some, NULL) == ARCHIVE_OK) ||
           failed(reading);
}

/* What is unpacked is what the tree says, and no more: a small archive can be endless. */
static bool check_member(struct archive_entry *entry, const struct packed_image *image,
                         struct error *error)
{
    int64_t size = archive_entry_size(entry);
    if (archive_entry_filetype(entry) != AE_IFREG)
        return error_set(error, "the ramdisk's archive has %s, which is not a file", image->name);
    return (uint64_t)size == image->size_bytes ||
           error_set(error, "it has %lld bytes, and boot.json says %llu", (long long)size,
                     (unsigned long long)image->size_bytes);
}

static bool find_member(const struct reading *reading, const struct packed_image *image)
{
    struct archive_entry *entry;
    int answer;
    do
        answer = archive_read_next_header(reading->archive, &entry);
    while (answer == ARCHIVE_OK && !is_named(entry, image->name));
    if (answer == ARCHIVE_EOF)
        return error_set(reading->error, "the ramdisk's archive has no %s", image->name);
    return answer == ARCHIVE_OK ? check_member(entry, image, reading->error) : failed(reading);
}

bool ramdisk_archive_unpack(int fd, const struct packed_image *image, int *ret_fd,
                            struct error *error)
{
    cleanup(free_reading) struct reading reading = { .fd = fd,
                                                     .next = image->archive_offset,
                                                     .archive = archive_read_new(),
                                                     .contents = image->contents,
                                                     .error = error };
    cleanup(own_close) int target = -1;
    if (!reading.archive)
        return error_set(error, "out of memory");
    if (!open_archive(&reading) || !find_member(&reading, image) ||
        !budget_spend(image->space, image->size_bytes, error) || !make_temporary(&target, error))
        return false;
    if (archive_read_data_into_fd(reading.archive, target) != ARCHIVE_OK)
        return failed_to_write(&reading);
    *ret_fd = own_take(&target);
    return true;
}
