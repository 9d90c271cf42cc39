#include "builder/image/inventory_walk.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A file stays in memory if its size is at most 1/KEPT_PART of the memory that remains: 12 KiB at
 * first. So memory is left for the smallest files even in a large store. */
enum { KEPT_PART = 8192 };

enum { OPEN_FLAGS = O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW };

static bool read_target(struct inventory *inventory, uint32_t node, int directory,
                        struct arena *arena, struct error *error)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory, inventory->nodes[node].name.data, target, sizeof target);
    if (length < 0)
        return node_refuse_errno(inventory, node, *arena, errno, error);
    if (length == 0 || (size_t)length >= sizeof target)
        return node_refuse(inventory, node, *arena, "the link's target is empty or too long",
                           error);
    inventory->nodes[node].target = arena_copy(arena, (struct str){ target, (size_t)length });
    return true;
}

bool inventory_examine(struct inventory *inventory, uint32_t node, int directory,
                       struct arena *arena, struct error *error)
{
    struct stat status;
    struct node *at = &inventory->nodes[node];
    assert(at->name.data[at->name.len] == '\0');
    if (fstatat(directory, at->name.data, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return node_refuse_errno(inventory, node, *arena, errno, error);
    if (S_ISLNK(status.st_mode)) {
        at->kind = NODE_LINK;
        return read_target(inventory, node, directory, arena, error);
    }
    if (S_ISDIR(status.st_mode)) {
        at->kind = NODE_DIRECTORY;
        return true;
    }
    if (!S_ISREG(status.st_mode))
        return node_refuse(inventory, node, *arena, "a store cannot hold a device, socket or pipe",
                           error);
    if (status.st_mode & (S_ISUID | S_ISGID))
        return node_refuse(inventory, node, *arena, "a store cannot hold a setuid or setgid file",
                           error);
    struct error reason;
    budget_pay(inventory->contents, budget_share(directory, at->name.data, &status));
    if (!budget_spend(inventory->contents, (uint64_t)status.st_size, &reason))
        return node_refuse(inventory, node, *arena, reason.sentence, error);
    at->kind = NODE_FILE;
    at->is_executable = status.st_mode & S_IXUSR;
    at->size_bytes = (uint64_t)status.st_size;
    at->device = status.st_dev;
    at->inode = status.st_ino;
    at->modified_seconds = status.st_mtim.tv_sec;
    at->modified_nanoseconds = status.st_mtim.tv_nsec;
    inventory->file_count++;
    inventory->file_bytes += at->size_bytes;
    return true;
}

/* Does the content of the file stay in memory? If so, its size is subtracted from *kept_left. */
static bool is_kept(const struct node *node, atomic_size_t *kept_left)
{
    if (node->kind != NODE_FILE || node->size_bytes == 0 ||
        node->size_bytes > atomic_load(kept_left) / KEPT_PART)
        return false;
    atomic_fetch_sub(kept_left, (size_t)node->size_bytes);
    return true;
}

static bool keep_content(struct inventory *inventory, uint32_t node, int directory,
                         struct arena *arena, struct error *error)
{
    struct node *at = &inventory->nodes[node];
    size_t size = (size_t)at->size_bytes;
    char *content = arena_room(arena, size);
    cleanup(own_close) int fd = openat(directory, at->name.data, OPEN_FLAGS);
    ssize_t got = fd < 0 ? -1 : file_pread(fd, content, size, 0);
    if (got < 0)
        return node_refuse_errno(inventory, node, *arena, errno, error);
    if ((size_t)got < size)
        return node_refuse(inventory, node, *arena, "it changed while it was read", error);
    at->content = (struct str){ content, size };
    return inventory_check(inventory, node, *arena, fd, error);
}

static int compare_names(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

struct names {
    struct str *items;
    size_t count;
};

/* Reads the names in a directory and sorts them, because the kernel returns them in no useful order
 * and the image must be deterministic. On failure, returns false and sets errno. */
static bool list_directory(DIR *directory, struct arena *arena, struct names *names)
{
    size_t capacity = 0;
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        names->items =
            arena_grow(arena, names->items, names->count, &capacity, sizeof *names->items);
        names->items[names->count++] = arena_copy(arena, str_from(entry->d_name));
    }
    if (errno != 0)
        return false;
    if (names->count)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return true;
}

static bool walk_directory(struct inventory *inventory, uint32_t node,
                           struct inventory_walker *walker, struct error *error)
{
    struct names names = { 0 };
    struct arena *arena = &walker->texts;
    cleanup(own_close) int fd = node_open(inventory, node, O_RDONLY | O_DIRECTORY, *arena);
    cleanup(own_close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return node_refuse_errno(inventory, node, *arena, fd < 0 ? -fd : errno, error);
    own_take(&fd);
    if (!list_directory(directory, arena, &names))
        return node_refuse_errno(inventory, node, *arena, errno, error);
    inventory->nodes[node].first_child = (uint32_t)inventory->count;
    inventory->nodes[node].child_count = (uint32_t)names.count;
    if (names.count > NODE_COUNT_MAX - inventory->count)
        return node_refuse(inventory, node, *arena, "too many files", error);
    for (size_t i = 0; i < names.count; i++)
        inventory_add(inventory, &walker->nodes, names.items[i], node);
    for (uint32_t child = inventory->nodes[node].first_child; child < inventory->count; child++)
        if (!inventory_examine(inventory, child, dirfd(directory), arena, error) ||
            (is_kept(&inventory->nodes[child], walker->kept_left) &&
             !keep_content(inventory, child, dirfd(directory), arena, error)))
            return false;
    return true;
}

/* Breadth first: the array of nodes serves as the queue. */
bool inventory_walk(struct inventory *inventory, uint32_t top, struct inventory_walker *walker,
                    struct error *error)
{
    if (inventory->nodes[top].kind != NODE_DIRECTORY)
        return true;
    uint32_t next = (uint32_t)inventory->count;
    if (!walk_directory(inventory, top, walker, error))
        return false;
    for (; next < inventory->count; next++)
        if (inventory->nodes[next].kind == NODE_DIRECTORY &&
            !walk_directory(inventory, next, walker, error))
            return false;
    return true;
}
