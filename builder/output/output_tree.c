#include "builder/output/output_tree.h"

#include "builder/output/checksums.h"
#include "builder/output/directory_walk.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

static bool remove_one(void *context, const struct directory_entry *entry, struct error *error)
{
    (void)context;
    return unlinkat(entry->directory, entry->name, entry->is_directory ? AT_REMOVEDIR : 0) == 0 ||
           error_errno(error, errno, "remove %s", entry->path);
}

/* Removes an open directory, if it still has this name. */
static bool remove_tree(int fd, int parent, const char *name, struct error *error)
{
    if (!directory_walk(fd, remove_one, NULL, error))
        return error_in(error, "remove %s", name);
    return !file_is_named(fd, parent, name) || unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
           error_errno(error, errno, "remove %s", name);
}

struct sums {
    struct checksums checksums;
    bool is_ours; /* the checksums list the mark */
};

static bool check_one(void *context, const struct directory_entry *entry, struct error *error)
{
    const struct sums *sums = context;
    if (sums->is_ours && (strcmp(entry->path, CHECKSUMS_NAME) == 0 ||
                          checksums_covers(&sums->checksums, entry->path, entry->is_directory)))
        return true;
    return error_set(
        error, "it holds '%s', which no earlier run made; remove it, or name another directory",
        entry->path);
}

/* A directory may be replaced only if an earlier run made all that is in it. */
static bool check_replaceable(const struct output_tree *tree, int fd, struct arena scratch,
                              struct error *error)
{
    struct sums sums;
    struct str text = STR("");
    struct error not_ours;
    if (faccessat(fd, CHECKSUMS_NAME, F_OK, 0) == 0 &&
        !file_read(fd, CHECKSUMS_NAME, CHECKSUMS_BYTES_MAX, &scratch, &text, error))
        return error_in(error, "replace %s", tree->output->name);
    /* If it cannot be parsed, another program wrote it. */
    sums.is_ours = checksums_parse(text, &scratch, &sums.checksums, &not_ours) &&
                   checksums_find(&sums.checksums, tree->mark);
    return directory_walk(fd, check_one, &sums, error) ||
           error_in(error, "replace %s", tree->output->name);
}

/* Opens the directory that has the final name now, if it may be replaced; *ret_fd is -1 if there is
 * none. */
static bool open_former(const struct output_tree *tree, struct arena scratch, int *ret_fd,
                        struct error *error)
{
    const struct output *output = tree->output;
    cleanup(own_close) int fd =
        openat(output->directory, output->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR)
        return error_set(error, "replace %s: it is a link or a file; remove it, or name another",
                         output->name);
    if (fd < 0 && errno != ENOENT)
        return error_errno(error, errno, "replace %s", output->name);
    if (fd >= 0 && !check_replaceable(tree, fd, scratch, error))
        return false;
    *ret_fd = own_take(&fd);
    return true;
}

/* Opens a directory that an earlier run has left under a temporary name. */
static bool open_left(const struct output *output, const char *name, int *ret_fd,
                      struct error *error)
{
    cleanup(own_close) int fd =
        openat(output->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return draft_refuse_left(output->name, name, errno, error);
    if (!draft_check_left(fd, output->directory, output->name, name, error))
        return false;
    *ret_fd = own_take(&fd);
    return true;
}

static bool refuse_renamed(const char *doing, const char *name, struct error *error)
{
    return error_set(error, "%s %s: another process renamed it or its draft", doing, name);
}

static bool find_entry(void *context, const struct directory_entry *entry, struct error *error)
{
    bool *found = context;
    *found = true;
    return error_set(error, "it has %s", entry->path);
}

/* Is it the directory that was created just now? Another process can have renamed another one to
 * that name. It must be empty and have the owner that this file system gives to what we create
 * (file servers map root to nobody). */
static bool look_if_just_made(int fd, const char *name, bool *ret_is_ours, struct error *error)
{
    bool has_entry = false;
    struct stat directory, file;
    *ret_is_ours = false;
    if (!directory_walk(fd, find_entry, &has_entry, error))
        return has_entry;
    cleanup(own_close) int made =
        openat(fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0)
        return error_errno(error, errno, "create a file in it");
    if (fstat(fd, &directory) < 0 || fstat(made, &file) < 0 || unlinkat(fd, name, 0) < 0)
        return error_errno(error, errno, "look at it");
    *ret_is_ours = directory.st_uid == file.st_uid;
    return true;
}

/* Removes the draft, which is empty, if it cannot be looked at. */
static bool check_just_made(int fd, const struct output *output, const char *name,
                            struct error *error)
{
    bool is_ours;
    if (look_if_just_made(fd, name, &is_ours, error))
        return is_ours || refuse_renamed("create", output->name, error);
    unlinkat(output->directory, name, AT_REMOVEDIR);
    return error_in(error, "create %s", output->name);
}

/* Creates the draft, or opens the one that an earlier run has left. */
static bool open_draft(const struct output *output, const char *name, int *ret_fd,
                       bool *ret_is_left, struct error *error)
{
    *ret_is_left = mkdirat(output->directory, name, 0700) < 0;
    if (*ret_is_left)
        return errno == EEXIST ? open_left(output, name, ret_fd, error)
                               : error_errno(error, errno, "create %s", output->name);
    *ret_fd = openat(output->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret_fd >= 0)
        return true;
    error_errno(error, errno, "create %s", output->name);
    unlinkat(output->directory, name, AT_REMOVEDIR);
    return false;
}

bool output_tree_open(const struct output *output, const char *mark, struct arena scratch,
                      struct output_tree *ret_tree, struct error *error)
{
    struct output_tree tree = { .fd = -1, .output = output, .mark = mark };
    cleanup(own_close) int former = -1;
    cleanup(own_close) int fd = -1;
    bool is_left;
    if (!draft_name(output->name, tree.temporary_name, error) ||
        !open_former(&tree, scratch, &former, error) ||
        !open_draft(output, tree.temporary_name, &fd, &is_left, error))
        return false;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK) {
        error_errno(error, errno, "lock the draft of %s", output->name);
        unlinkat(output->directory, tree.temporary_name, AT_REMOVEDIR);
        return false;
    }
    if (!locked || !file_is_named(fd, output->directory, tree.temporary_name))
        return error_set(error, "create %s: another process is writing it", output->name);
    if (!is_left && !check_just_made(fd, output, tree.temporary_name, error))
        return false;
    if (is_left && !directory_walk(fd, remove_one, NULL, error))
        return error_in(error, "create %s", output->name);
    tree.fd = own_take(&fd);
    *ret_tree = tree;
    return true;
}

/* The same in three steps, for file systems that cannot exchange two names. */
static bool move_aside(struct output_tree *tree, struct error *error)
{
    int directory = tree->output->directory;
    const char *name = tree->output->name;
    char aside[300];
    snprintf(aside, sizeof aside, "%s.old", tree->temporary_name);
    cleanup(own_close) int left = -1;
    if (faccessat(directory, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
        (!open_left(tree->output, aside, &left, error) ||
         !remove_tree(left, directory, aside, error)))
        return false;
    if (renameat(directory, name, directory, aside) < 0 && errno != ENOENT)
        return error_errno(error, errno, "publish %s", name);
    if (renameat(directory, tree->temporary_name, directory, name) < 0) {
        int code = errno;
        if (renameat(directory, aside, directory, name) < 0)
            return error_errno(error, code, "publish %s (the former one is now %s)", name, aside);
        return error_errno(error, code, "publish %s", name);
    }
    tree->has_final_name = true;
    return renameat(directory, aside, directory, tree->temporary_name) == 0 || errno == ENOENT ||
           error_errno(error, errno, "rename %s", aside);
}

/* Gives the new tree its name, and the former one, if there is one, the draft's. */
static bool swap(struct output_tree *tree, int former, struct error *error)
{
    assert(tree->fd >= 0);
    int directory = tree->output->directory;
    const char *name = tree->output->name;
    int flag = former < 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE;
    if (!file_is_named(tree->fd, directory, tree->temporary_name))
        return refuse_renamed("publish", name, error);
    if (renameat2(directory, tree->temporary_name, directory, name, flag) < 0) {
        if (errno != EINVAL && errno != ENOSYS)
            return error_errno(error, errno, "publish %s", name);
        if (!move_aside(tree, error))
            return false;
    }
    tree->has_final_name = true;
    return (file_is_named(tree->fd, directory, name) &&
            (former < 0 || file_is_named(former, directory, tree->temporary_name))) ||
           refuse_renamed("publish", name, error);
}

/* Syncs a directory of the tree; the files are synced already. */
static bool sync_one(void *context, const struct directory_entry *entry, struct error *error)
{
    (void)context;
    if (!entry->is_directory)
        return true;
    cleanup(own_close) int fd =
        openat(entry->directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open %s", entry->path);
    return directory_sync(fd, error) || error_in(error, "%s", entry->path);
}

bool output_tree_publish(struct output_tree *tree, struct arena scratch, struct error *error)
{
    const struct output *output = tree->output;
    cleanup(own_close) int former = -1;
    assert(tree->fd >= 0);
    if (fchmod(tree->fd, 0755) < 0)
        return error_errno(error, errno, "set the mode of %s", output->name);
    if (!directory_walk(tree->fd, sync_one, NULL, error) || !directory_sync(tree->fd, error))
        return error_in(error, "publish %s", output->name);
    if (!open_former(tree, scratch, &former, error))
        return false;
    /* After the exchange the former tree has the draft's name until it is removed. Without the
     * lock, another run would take it for an abandoned draft. */
    if (former >= 0 && flock(former, LOCK_EX | LOCK_NB) < 0)
        return error_errno(error, errno, "lock the former %s", output->name);
    if (!swap(tree, former, error))
        return false;
    own_close(&tree->fd);
    tree->fd = -1;
    return (former < 0 || remove_tree(former, output->directory, tree->temporary_name, error)) &&
           (directory_sync(output->directory, error) ||
            error_in(error, "publish %s", output->name));
}

bool output_tree_clear(const struct output *output, struct error *error)
{
    char name[DRAFT_NAME_BYTES];
    cleanup(own_close) int left = -1;
    return draft_name(output->name, name, error) && open_left(output, name, &left, error) &&
           remove_tree(left, output->directory, name, error);
}

void output_tree_release(struct output_tree *tree)
{
    struct error ignored;
    if (tree->fd < 0)
        return;
    bool is_done = tree->has_final_name ||
                   remove_tree(tree->fd, tree->output->directory, tree->temporary_name, &ignored);
    (void)is_done;
    own_close(&tree->fd);
    tree->fd = -1;
}
