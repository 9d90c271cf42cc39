#include "builder/publish/system_draft.h"

#include "builder/tree/tree_place.h"
#include "schema/base/own.h"

#include <sys/stat.h>

bool system_draft_copy(struct file source, struct file target, const struct hash *hash,
                       struct arena scratch, uint64_t *ret_size_bytes, struct error *error)
{
    struct tree_file copy;
    if (!file_copy(source, target, 0, scratch, ret_size_bytes, error) ||
        !tree_file_read(target.fd, target.name, scratch, &copy, error))
        return error_in(error, "copy %s", source.name);
    return (copy.size_bytes == *ret_size_bytes && hash_equal(&copy.hash, hash)) ||
           error_set(error,
                     "%s is not the file that " CHECKSUMS_NAME " lists; build the tree again",
                     source.name);
}

/* Creates the directories above a file. */
static bool make_parents(int draft, const char *name, struct arena scratch, struct error *error)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *parent = arena_format(&scratch, "%.*s", (int)(slash - name), name).data;
        if (mkdirat(draft, parent, 0755) < 0 && errno != EEXIST)
            return error_errno(error, errno, "create %s", parent);
    }
    return true;
}

static int create_file(int draft, const char *name, struct error *error)
{
    int fd = openat(draft, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        error_errno(error, errno, "create %s", name);
    return fd;
}

static bool seal_file(struct file file, mode_t mode, struct error *error)
{
    if (fchmod(file.fd, mode) < 0)
        return error_errno(error, errno, "set the mode of %s", file.name);
    return fsync(file.fd) == 0 || error_errno(error, errno, "write %s to disk", file.name);
}

/* Returns the first file with this hash, which is the file itself if there is no other before. */
static size_t find_same(const struct checksums *sums, size_t index)
{
    size_t same = 0;
    while (published_tree_is_store(sums->items[same].name) ||
           !hash_equal(&sums->items[same].hash, &sums->items[index].hash))
        same++;
    return same;
}

static bool write_file(const struct publish_request *request, int draft, size_t index,
                       struct arena scratch, struct error *error)
{
    const struct checksums *sums = &request->tree->sums;
    const struct checksum *sum = &sums->items[index];
    struct stat status;
    uint64_t size_bytes;
    size_t same = find_same(sums, index);
    if (!make_parents(draft, sum->name, scratch, error))
        return false;
    if (same != index)
        return linkat(draft, sums->items[same].name, draft, sum->name, 0) == 0 ||
               error_errno(error, errno, "create %s", sum->name);
    cleanup(own_close) int source = tree_place_open_file(request->directory, sum->name, error);
    cleanup(own_close) int target = source < 0 ? -1 : create_file(draft, sum->name, error);
    if (target < 0)
        return false;
    if (fstat(source, &status) < 0)
        return error_errno(error, errno, "look at %s", sum->name);
    struct file file = { target, sum->name };
    return system_draft_copy((struct file){ source, sum->name }, file, &sum->hash, scratch,
                             &size_bytes, error) &&
           seal_file(file, status.st_mode & S_IXUSR ? 0755 : 0644, error);
}

static bool write_sums(const struct publish_request *request, int draft, struct error *error)
{
    struct str text = request->tree->sums_text;
    cleanup(own_close) int fd = create_file(draft, CHECKSUMS_NAME, error);
    struct file file = { fd, CHECKSUMS_NAME };
    return fd >= 0 && file_write(file, text.data, text.len, error) && seal_file(file, 0644, error);
}

bool system_draft_write(const struct publish_request *request, int draft, struct arena scratch,
                        struct error *error)
{
    const struct checksums *sums = &request->tree->sums;
    for (size_t i = 0; i < sums->count; i++)
        if (!published_tree_is_store(sums->items[i].name) &&
            !write_file(request, draft, i, scratch, error))
            return error_in(error, "%s", request->path);
    if (!write_sums(request, draft, error))
        return false;
    return request->tree->root_count == 0 ||
           symlinkat(TREE_STORES_LINK, draft, TREE_STORES_NAME) == 0 ||
           error_errno(error, errno, "create the link " TREE_STORES_NAME);
}
