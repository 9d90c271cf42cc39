#include "builder/unpack/tree_writer.h"

#include "builder/reader/image_inodes.h"
#include "builder/unpack/canonical.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct tree_writer tree_writer_start(const struct image *image, int store, const char *name)
{
    return (struct tree_writer){
        .image = image, .name = name, .descent = tree_descent_start(store), .file = -1
    };
}

void tree_writer_release(struct tree_writer *writer)
{
    own_close(&writer->file);
    writer->file = -1;
    tree_descent_release(&writer->descent);
}

static bool make_directory(struct tree_writer *writer, const char *name, struct error *error)
{
    if (mkdirat(writer->descent.directory, name, 0700) < 0)
        return error_errno(error, errno, "create a directory");
    return tree_descent_enter(&writer->descent, name) ||
           error_errno(error, errno, "open the new directory");
}

static bool make_file(struct tree_writer *writer, const char *name, struct error *error)
{
    assert(writer->file < 0);
    writer->file = openat(writer->descent.directory, name,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return writer->file >= 0 || error_errno(error, errno, "create a file");
}

static bool make_link(struct tree_writer *writer, const char *name, struct str target,
                      struct error *error)
{
    char text[PATH_MAX];
    if (target.len >= sizeof text)
        return error_errno(error, ENAMETOOLONG, "create a link");
    memcpy(text, target.data, target.len);
    text[target.len] = '\0';
    if (symlinkat(text, writer->descent.directory, name) < 0)
        return error_errno(error, errno, "create a link");
    return utimensat(writer->descent.directory, name, canonical_times, AT_SYMLINK_NOFOLLOW) == 0 ||
           error_errno(error, errno, "set the time of a link");
}

static bool enter_node(void *context, uint32_t node, struct error *error)
{
    struct tree_writer *writer = context;
    const struct image_inode *inode = image_inode_of(writer->image, node);
    char name[IMAGE_NAME_MAX + 1];
    const char *own = writer->name;
    if (writer->descent.depth > 0) {
        snprintf(name, sizeof name, "%.*s", STR_ARG(writer->image->tree.nodes[node].name));
        own = name;
    }
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        return make_directory(writer, own, error);
    case IMAGE_LINK:
        return make_link(writer, own, inode->target, error);
    case IMAGE_REGULAR:
        break;
    }
    return make_file(writer, own, error);
}

static void add_content(void *context, const void *data, size_t size_bytes)
{
    struct tree_writer *writer = context;
    struct file file = { writer->file, "the file" };
    writer->has_failed = writer->has_failed || !file_write(file, data, size_bytes, &writer->reason);
}

/* Gives what is complete its mode and time. */
static bool seal(int fd, mode_t mode, struct error *error)
{
    if (fchmod(fd, mode) < 0)
        return error_errno(error, errno, "set the mode");
    return futimens(fd, canonical_times) == 0 || error_errno(error, errno, "set the time");
}

/* Some file systems say only when a file is closed that it could not be written. */
static bool end_file(struct tree_writer *writer, mode_t mode, struct error *error)
{
    if (writer->has_failed) {
        *error = writer->reason;
        return false;
    }
    if (!seal(writer->file, mode, error))
        return false;
    return close(own_take(&writer->file)) == 0 || error_errno(error, errno, "close the file");
}

static bool end_directory(struct tree_writer *writer, struct error *error)
{
    return seal(writer->descent.directory, CANONICAL_EXECUTABLE, error) &&
           tree_descent_leave(&writer->descent, error);
}

static bool leave_node(void *context, uint32_t node, struct error *error)
{
    struct tree_writer *writer = context;
    const struct image_inode *inode = image_inode_of(writer->image, node);
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        return end_directory(writer, error);
    case IMAGE_LINK:
        return true;
    case IMAGE_REGULAR:
        break;
    }
    return end_file(writer, inode->mode & 0100 ? CANONICAL_EXECUTABLE : CANONICAL_DATA, error);
}

struct image_nar_listener tree_writer_listener(struct tree_writer *writer)
{
    return (struct image_nar_listener){ writer, enter_node, add_content, leave_node };
}
