#include "builder/output/tarball.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"

#include <archive.h>
#include <archive_entry.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct filter {
    const char *suffix;
    int (*add)(struct archive *archive);
    const char *name, *level;
};

static const struct filter filters[] = {
    { ".tar", archive_write_add_filter_none, NULL, NULL },
    { ".tar.gz", archive_write_add_filter_gzip, "gzip", "1" },
    { ".tar.xz", archive_write_add_filter_xz, "xz", "0" },
    { ".tar.zst", archive_write_add_filter_zstd, "zstd", "3" },
};

static const struct filter *find_filter(const char *name)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (str_ends(str_from(name), str_from(filters[i].suffix)))
            return &filters[i];
    return NULL;
}

bool tarball_check_name(const char *name, struct error *error)
{
    return find_filter(name) ||
           error_set(
               error,
               "--tarball expects a name that ends in .tar, .tar.gz, .tar.xz or .tar.zst, not '%s'",
               name);
}

static void free_archive(struct archive **archive)
{
    if (*archive)
        archive_write_free(*archive);
}

static void free_entry(struct archive_entry **entry)
{
    if (*entry)
        archive_entry_free(*entry);
}

static bool failed(struct archive *archive, const char *doing, struct error *error)
{
    const char *cause = archive_error_string(archive);
    int code = archive_errno(archive);
    if (code > 0)
        return error_errno(error, code, "%s", doing);
    return error_set(error, "%s: %s", doing, cause ? cause : "libarchive cannot");
}

/* If libarchive (3.6.2) runs out of memory while it starts zstd, it frees data that
 * archive_write_free would free again. So a failed archive is not freed. */
static bool add_filter(struct archive **archive, const struct filter *filter, struct error *error)
{
    if (filter->add(*archive) == ARCHIVE_OK)
        return true;
    *archive = NULL;
    return error_set(error, "start the tarball: out of memory");
}

static bool open_archive(struct archive *archive, const struct filter *filter, int fd,
                         struct error *error)
{
    bool is_gzip = filter->name && strcmp(filter->name, "gzip") == 0;
    if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
        (filter->name && archive_write_set_filter_option(archive, filter->name, "compression-level",
                                                         filter->level) != ARCHIVE_OK) ||
        (is_gzip &&
         archive_write_set_filter_option(archive, "gzip", "timestamp", NULL) != ARCHIVE_OK) ||
        archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
        archive_write_open_fd(archive, fd) != ARCHIVE_OK)
        return failed(archive, "start the tarball", error);
    return true;
}

static bool copy_data(struct archive *archive, int fd, const char *name, uint64_t size_bytes,
                      struct error *error)
{
    static char buffer[1 << 18];
    uint64_t done = 0;
    for (size_t got = sizeof buffer; got == sizeof buffer; done += got) {
        if (!file_read_at((struct file){ fd, name }, buffer, sizeof buffer, done, &got, error))
            return false;
        assert(done <= size_bytes);
        if (got > size_bytes - done)
            return error_set(error, "%s changed while it was read", name);
        if (archive_write_data(archive, buffer, got) != (ssize_t)got)
            return failed(archive, "write the tarball", error);
    }
    return done == size_bytes || error_set(error, "%s changed while it was read", name);
}

/* Finds a file that is already in the tarball and of which this is another name, or sets *ret_link
 * to null. Hard and symbolic links are treated alike: which of them a tree has depends on the file
 * system, and the tarball must not. */
static bool find_link(int directory, const char *const *files, size_t index,
                      const struct stat *status, const char **ret_link, struct error *error)
{
    struct stat other;
    *ret_link = NULL;
    for (size_t i = 0; i < index && !*ret_link; i++) {
        if (fstatat(directory, files[i], &other, AT_SYMLINK_NOFOLLOW) < 0)
            return error_errno(error, errno, "look at %s", files[i]);
        if (other.st_ino == status->st_ino && other.st_dev == status->st_dev)
            *ret_link = files[i];
    }
    return true;
}

static bool add_file(struct archive *archive, int directory, const char *const *files, size_t index,
                     struct error *error)
{
    const char *name = files[index];
    struct stat status;
    cleanup(free_entry) struct archive_entry *entry = archive_entry_new();
    cleanup(own_close) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (!entry)
        return error_set(error, "out of memory");
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", name);
    const char *link;
    if (!find_link(directory, files, index, &status, &link, error))
        return false;
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, status.st_mode & S_IXUSR ? 0755 : 0644);
    archive_entry_set_mtime(entry, 1, 0);
    archive_entry_set_size(entry, link ? 0 : status.st_size);
    if (link)
        archive_entry_set_hardlink(entry, link);
    if (archive_write_header(archive, entry) != ARCHIVE_OK)
        return failed(archive, "write the tarball", error);
    return link || copy_data(archive, fd, name, (uint64_t)status.st_size, error);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

bool tarball_write(const struct tarball *tarball, int directory, const struct option_list *names,
                   struct error *error)
{
    if (tarball->draft.fd < 0)
        return true;
    const struct filter *filter = find_filter(tarball->output.name);
    assert(filter); /* tarball_check_name comes first */
    cleanup(free_archive) struct archive *archive = archive_write_new();
    if (!archive)
        return error_set(error, "out of memory");
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    if (!add_filter(&archive, filter, error) ||
        !open_archive(archive, filter, tarball->draft.fd, error))
        return false;
    for (size_t i = 0; i < names->count; i++)
        if (!add_file(archive, directory, names->items, i, error))
            return false;
    return archive_write_close(archive) == ARCHIVE_OK || failed(archive, "end the tarball", error);
}

/* --- Opening and publishing --------------------------------------------------------------------- */

static bool check_place(const struct output *tarball, const struct output *tree,
                        struct error *error)
{
    struct stat place, parent, former;
    bool apart = fstat(tarball->directory, &place) == 0 && fstat(tree->directory, &parent) == 0;
    if (apart && place.st_ino == parent.st_ino && place.st_dev == parent.st_dev)
        apart = strcmp(tarball->name, tree->name) != 0;
    if (apart && fstatat(tree->directory, tree->name, &former, AT_SYMLINK_NOFOLLOW) == 0)
        apart = place.st_ino != former.st_ino || place.st_dev != former.st_dev;
    return apart ||
           error_set(error,
                     "create the tarball %s: it would be inside the tree; write it elsewhere",
                     tarball->name);
}

bool tarball_open(const char *path, const struct output *tree, struct arena *arena,
                  struct tarball *ret_tarball, struct error *error)
{
    return output_find(path, arena, &ret_tarball->output, error) &&
           check_place(&ret_tarball->output, tree, error) &&
           output_try(&ret_tarball->output, path, OUTPUT_FILE, error) &&
           draft_open(ret_tarball->output.directory, ret_tarball->output.name, &ret_tarball->draft,
                      error);
}

bool tarball_withdraw(const struct tarball *tarball, struct error *error)
{
    const struct output *output = &tarball->output;
    if (tarball->draft.fd < 0)
        return true;
    if (unlinkat(output->directory, output->name, 0) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove the former tarball %s", output->name);
    return directory_sync(output->directory, error) ||
           error_in(error, "remove the former tarball %s", output->name);
}

bool tarball_publish(struct tarball *tarball, struct error *error)
{
    return tarball->draft.fd < 0 || draft_publish(&tarball->draft, 0644, error);
}

void tarball_release(struct tarball *tarball)
{
    draft_release(&tarball->draft);
    output_release(&tarball->output);
}
