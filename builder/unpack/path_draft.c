#include "builder/unpack/path_draft.h"

#include "builder/reader/image_inodes.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/nix/store_path.h"

#include <string.h>
#include <sys/stat.h>

/* A directory that is being written, below the store directory. */
struct level {
    struct level *above;
    int fd;
};

struct writing {
    const struct image *image;
    int store;
    uint32_t top;
    char temporary_name[DRAFT_NAME_BYTES];
    struct arena *arena;
    struct level *level; /* the innermost directory; null: the store directory */
    int fd;              /* the open file, or -1 */
    int code;            /* why it could not be written; 0: it could */
};

/* --- Writing ---------------------------------------------------------------------------------- */

static const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

static void release(const struct writing *writing)
{
    for (const struct level *at = writing->level; at; at = at->above)
        own_close(&at->fd);
    own_close(&writing->fd);
}

static bool enter_directory(struct writing *writing, int parent, const char *name,
                            struct error *error)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (mkdirat(parent, name, 0700) < 0)
        return error_errno(error, errno, "create");
    int fd = openat(parent, name, flags);
    if (fd < 0)
        return error_errno(error, errno, "open");
    struct level *level = arena_new(writing->arena, struct level, 1);
    *level = (struct level){ writing->level, fd };
    writing->level = level;
    return true;
}

static bool write_link(const struct writing *writing, const struct image_inode *inode, int parent,
                       const char *name, struct error *error)
{
    const char *target;
    struct arena scratch = *writing->arena;
    return arena_name(&scratch, inode->target, &target, error) &&
           ((symlinkat(target, parent, name) == 0 &&
             utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0) ||
            error_errno(error, errno, "create"));
}

static bool enter_node(void *context, uint32_t node, struct error *error)
{
    struct writing *writing = context;
    const char *name = writing->temporary_name;
    const struct image_inode *inode = image_inode_of(writing->image, node);
    int parent = writing->level ? writing->level->fd : writing->store;
    char entry[IMAGE_NAME_MAX + 1];
    struct str own = writing->image->tree.nodes[node].name;
    if (node != writing->top) {
        memcpy(entry, own.data, own.len);
        entry[own.len] = '\0';
        name = entry;
    }
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        return enter_directory(writing, parent, name, error);
    case IMAGE_LINK:
        return write_link(writing, inode, parent, name, error);
    case IMAGE_REGULAR:
        break;
    }
    writing->code = 0;
    writing->fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return writing->fd >= 0 || error_errno(error, errno, "create");
}

static void write_content(void *context, const void *data, size_t size_bytes)
{
    struct writing *writing = context;
    const char *at = data;
    while (size_bytes > 0 && writing->code == 0) {
        ssize_t done = write(writing->fd, at, size_bytes);
        if (done < 0 && errno != EINTR)
            writing->code = errno;
        if (done > 0) {
            at += done;
            size_bytes -= (size_t)done;
        }
    }
}

static bool finish(int fd, mode_t mode, struct error *error)
{
    bool done = fchmod(fd, mode) == 0 && futimens(fd, times) == 0;
    int code = errno;
    /* Some file systems say only here that a file could not be written. */
    if (close(fd) < 0 && done) {
        code = errno;
        done = false;
    }
    return done || error_errno(error, code, "finish");
}

static bool leave_node(void *context, uint32_t node, struct error *error)
{
    struct writing *writing = context;
    const struct image_inode *inode = image_inode_of(writing->image, node);
    struct level *level = writing->level;
    switch (inode->kind) {
    case IMAGE_DIRECTORY:
        writing->level = level->above;
        return finish(level->fd, 0555, error);
    case IMAGE_LINK:
        return true;
    case IMAGE_REGULAR:
        break;
    }
    if (writing->code)
        return error_errno(error, writing->code, "write");
    return finish(own_take(&writing->fd), inode->mode & 0100 ? 0555 : 0444, error);
}

bool path_draft_write(const struct image_nar_request *request, int store, struct arena scratch,
                      struct nar *ret_nar, struct error *error)
{
    const char *base;
    cleanup(release) struct writing writing = {
        .image = request->image, .store = store, .top = request->top, .arena = &scratch, .fd = -1
    };
    struct image_nar_listener listener = { &writing, enter_node, write_content, leave_node };
    struct image_nar_request followed = *request;
    followed.listener = &listener;
    if (!arena_name(&scratch, request->image->tree.nodes[request->top].name, &base, error) ||
        !draft_name(base, writing.temporary_name, error))
        return false;
    /* What a walk needs, and the levels of directories, are in two parts of the memory. */
    struct arena walk = arena_split(&scratch, arena_left(&scratch) / 2);
    return image_nar_follow(&followed, walk, ret_nar, error);
}

/* --- Removing --------------------------------------------------------------------------------- */

/* A directory is open for each level. A draft of ours is no deeper than it could be written. */
static bool remove_entry(int parent, const char *name, struct error *error);

static bool remove_entries(int parent, const char *name, struct error *error)
{
    cleanup(own_close) int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup(own_close_directory) DIR *entries = fd >= 0 ? own_open_entries(fd) : NULL;
    const struct dirent *entry;
    if (!entries || fchmod(fd, 0700) < 0)
        return error_errno(error, errno, "open %s", name);
    while ((entry = own_next_entry(entries)))
        if (!remove_entry(fd, entry->d_name, error))
            return false;
    return errno == 0 || error_errno(error, errno, "read %s", name);
}

static bool remove_entry(int parent, const char *name, struct error *error)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(error, errno, "remove %s", name);
    return remove_entries(parent, name, error) && (unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
                                                   error_errno(error, errno, "remove %s", name));
}

bool path_draft_remove(int store, const char *temporary_name, struct error *error)
{
    return remove_entry(store, temporary_name, error);
}

bool path_drafts_remove(int store, struct error *error)
{
    struct error unused;
    struct str base;
    const struct dirent *entry;
    cleanup(own_close_directory) DIR *entries = own_open_entries(store);
    if (!entries)
        return error_errno(error, errno, "read the store directory");
    while ((entry = own_next_entry(entries)))
        if (draft_name_parse(str_from(entry->d_name), &base) && store_path_check(base, &unused) &&
            !path_draft_remove(store, entry->d_name, error))
            return false;
    return errno == 0 || error_errno(error, errno, "read the store directory");
}
