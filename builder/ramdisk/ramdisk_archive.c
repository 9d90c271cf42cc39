#include "builder/ramdisk/ramdisk_archive.h"

#include "builder/ramdisk/newc.h"
#include "schema/base/own.h"

#include <archive.h>
#include <archive_entry.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10 };

/* libarchive decompresses; members are read here, so that nothing is kept of them but a name, and each byte is
 * paid for when it comes: its own reader of cpio keeps names and links of up to 4 GiB in memory. */
struct reading {
    int fd; /* borrowed */
    uint64_t next;
    struct archive *archive; /* owned */
    struct budget *contents;
    struct error *error;
    bool is_refused; /* the error is set */
    char packed[READ_BYTES], bytes[READ_BYTES];
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
    *ret_offset = ramdisk->size_bytes;
    return archive->fill(archive->context, &plain, error) &&
           ramdisk_compress(archive->compression, archive->crew, &plain, ramdisk, *archive->arena,
                            error);
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

static bool failed(const struct reading *reading, const char *cause)
{
    if (reading->is_refused)
        return false;
    return error_set(reading->error, "unpack the ramdisk's archive: %s",
                     cause ? cause : "libarchive cannot");
}

static bool failed_to_unpack(const struct reading *reading)
{
    return failed(reading, archive_error_string(reading->archive));
}

static la_ssize_t read_packed(struct archive *archive, void *context, const void **ret_bytes)
{
    struct reading *reading = context;
    size_t got = 0;
    (void)archive;
    reading->is_refused =
        !file_read_at((struct file){ reading->fd, "the ramdisk" }, reading->packed, READ_BYTES,
                      reading->next, &got, reading->error);
    reading->next += got;
    *ret_bytes = reading->packed;
    return reading->is_refused ? -1 : (la_ssize_t)got;
}

static bool open_archive(struct reading *reading)
{
    struct archive *archive = reading->archive;
    struct archive_entry *entry;
    return (archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
            archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
            archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
            archive_read_support_format_raw(archive) == ARCHIVE_OK &&
            archive_read_open(archive, reading, NULL, read_packed, NULL) == ARCHIVE_OK &&
            archive_read_next_header(archive, &entry) == ARCHIVE_OK) ||
           failed_to_unpack(reading);
}

/* Unpacks `count` bytes, or fewer where the archive ends. */
static bool take(const struct reading *reading, char *bytes, size_t count, size_t *ret_got)
{
    size_t got = 0;
    la_ssize_t some = 1;
    if (!budget_spend(reading->contents, count, reading->error))
        return false;
    for (; got < count && some > 0; got += some > 0 ? (size_t)some : 0)
        some = archive_read_data(reading->archive, bytes + got, count - got);
    *ret_got = got;
    return some >= 0 || failed_to_unpack(reading);
}

static bool take_all(const struct reading *reading, char *bytes, size_t count)
{
    size_t got;
    return take(reading, bytes, count, &got) &&
           (got == count || failed(reading, "it ends within a member"));
}

static bool write_all(const struct reading *reading, int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno != EINTR)
            return error_errno(reading->error, errno, "unpack the ramdisk's archive");
        bytes += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Unpacks so many bytes into the file, or nowhere if it is -1. */
static bool copy(struct reading *reading, uint64_t count, int fd)
{
    while (count > 0) {
        size_t some = count < READ_BYTES ? (size_t)count : READ_BYTES;
        if (!take_all(reading, reading->bytes, some) ||
            (fd >= 0 && !write_all(reading, fd, reading->bytes, some)))
            return false;
        count -= some;
    }
    return true;
}

/* Reads the next member up to its data. An empty name: the archive has ended. */
static bool next_member(struct reading *reading, struct newc_header *ret_header,
                        char name[static NEWC_NAME_MAX])
{
    char header[NEWC_HEADER_BYTES];
    size_t got;
    name[0] = '\0';
    if (!take(reading, header, sizeof header, &got))
        return false;
    if (got == 0)
        return true;
    if (got < sizeof header || !newc_parse(header, ret_header))
        return failed(reading, "it is not a newc archive");
    size_t bytes = ret_header->name_bytes;
    assert(bytes > 0 && bytes <= NEWC_NAME_MAX);
    if (!take_all(reading, name, bytes) || !copy(reading, newc_padding(sizeof header + bytes), -1))
        return false;
    if (name[bytes - 1] != '\0' || name[0] == '\0')
        return failed(reading, "a member has no name");
    if (strcmp(name, NEWC_TRAILER_NAME) == 0)
        name[0] = '\0';
    return true;
}

/* What is unpacked is what the tree says, and no more: a small archive can be endless. */
static bool check_member(const struct newc_header *header, const struct packed_image *image,
                         struct error *error)
{
    if (!S_ISREG(header->mode))
        return error_set(error, "the ramdisk's archive has %s, which is not a file", image->name);
    return header->size_bytes == image->size_bytes ||
           error_set(error, "it has %llu bytes, and boot.json says %llu",
                     (unsigned long long)header->size_bytes, (unsigned long long)image->size_bytes);
}

static bool find_member(struct reading *reading, const struct packed_image *image)
{
    char name[NEWC_NAME_MAX];
    struct newc_header header;
    for (;;) {
        if (!next_member(reading, &header, name))
            return false;
        if (name[0] == '\0')
            return error_set(reading->error, "the ramdisk's archive has no %s", image->name);
        if (strcmp(name, image->name) == 0)
            return check_member(&header, image, reading->error);
        if (!copy(reading, header.size_bytes + newc_padding(header.size_bytes), -1))
            return false;
    }
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
        !budget_spend(image->space, image->size_bytes, error) || !make_temporary(&target, error) ||
        !copy(&reading, image->size_bytes, target))
        return false;
    *ret_fd = own_take(&target);
    return true;
}
