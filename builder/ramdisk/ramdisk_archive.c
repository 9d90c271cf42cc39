#include "builder/ramdisk/ramdisk_archive.h"

#include "schema/base/own.h"

#include <archive.h>
#include <archive_entry.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 1 << 20 };

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

static void free_archive(struct archive **archive)
{
    if (*archive)
        archive_read_free(*archive);
}

static bool failed(struct archive *archive, struct error *error)
{
    const char *cause = archive_error_string(archive);
    return error_set(error, "unpack the ramdisk's archive: %s",
                     cause ? cause : "libarchive cannot");
}

static bool is_named(struct archive_entry *entry, const char *name)
{
    const char *path = archive_entry_pathname(entry);
    return path && strcmp(path, name) == 0;
}

static bool open_archive(struct archive *archive, int fd, uint64_t offset, struct error *error)
{
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
        return error_errno(error, errno, "read the ramdisk's archive");
    return (archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
            archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
            archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
            archive_read_support_format_cpio(archive) == ARCHIVE_OK &&
            archive_read_open_fd(archive, fd, READ_BYTES) == ARCHIVE_OK) ||
           failed(archive, error);
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

bool ramdisk_archive_unpack(int fd, const struct packed_image *image, int *ret_fd,
                            struct error *error)
{
    cleanup(free_archive) struct archive *archive = archive_read_new();
    cleanup(own_close) int target = -1;
    struct archive_entry *entry;
    int answer;
    if (!archive)
        return error_set(error, "out of memory");
    if (!open_archive(archive, fd, image->archive_offset, error))
        return false;
    do
        answer = archive_read_next_header(archive, &entry);
    while (answer == ARCHIVE_OK && !is_named(entry, image->name));
    if (answer == ARCHIVE_EOF)
        return error_set(error, "the ramdisk's archive has no %s", image->name);
    if (answer != ARCHIVE_OK)
        return failed(archive, error);
    if (!check_member(entry, image, error) || !make_temporary(&target, error))
        return false;
    if (archive_read_data_into_fd(archive, target) != ARCHIVE_OK)
        return failed(archive, error);
    *ret_fd = own_take(&target);
    return true;
}
