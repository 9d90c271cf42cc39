#include "builder/ramdisk/ramdisk_archive.h"

#include "builder/ramdisk/ramdisk_reader.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Creates a file without a name in the directory. The file is deleted when it is closed. */
static bool open_unnamed(int directory, int *ret_fd, struct error *error)
{
    int fd = openat(directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    /* Some file systems have no files without a name. Then the name exists for a moment. */
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

/* A small archive can unpack to any size. So an image is unpacked only if it has the size that
 * boot.json says. */
static bool check_member(const struct newc_header *header, const struct packed_image *image,
                         struct error *error)
{
    if (!S_ISREG(header->mode))
        return error_set(error, "it has %s, which is not a file", image->name);
    return header->size_bytes == image->size_bytes ||
           error_set(error, "it has %llu bytes, and boot.json says %llu",
                     (unsigned long long)header->size_bytes, (unsigned long long)image->size_bytes);
}

static bool find_member(struct ramdisk_reader *reader, const struct packed_image *image,
                        struct error *error)
{
    char name[NEWC_NAME_MAX];
    struct newc_header header;
    for (;;) {
        if (!ramdisk_reader_next(reader, &header, name, error))
            return false;
        if (name[0] == '\0')
            return error_set(error, "it has no %s", image->name);
        if (strcmp(name, image->name) == 0)
            return check_member(&header, image, error);
        if (!ramdisk_reader_copy(reader, header.size_bytes, -1, error))
            return false;
    }
}

bool ramdisk_archive_unpack(int fd, const struct packed_image *image, int *ret_fd,
                            struct error *error)
{
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    cleanup(own_close) int target = -1;
    if (!ramdisk_reader_open(&reader, (struct file){ fd, "the ramdisk" }, image->archive_offset,
                             image->contents, error) ||
        !find_member(&reader, image, error) ||
        !budget_spend(image->space, image->size_bytes, error) || !make_temporary(&target, error) ||
        !ramdisk_reader_copy(&reader, image->size_bytes, target, error))
        return error_in(error, "unpack the ramdisk's archive");
    *ret_fd = own_take(&target);
    return true;
}
