#include "builder/image/node.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct str inventory_path(const struct inventory *inventory, uint32_t node, struct arena *arena)
{
    size_t length = 0;
    assert(node < inventory->count);
    for (uint32_t at = node; at != 0; at = inventory->nodes[at].parent)
        length += inventory->nodes[at].name.len + 1;
    char *path = arena_new(arena, char, length + 2);
    if (length == 0) {
        path[0] = '.';
        return (struct str){ path, 1 };
    }
    size_t end = length;
    for (uint32_t at = node; at != 0; at = inventory->nodes[at].parent) {
        struct str name = inventory->nodes[at].name;
        path[--end] = '/';
        end -= name.len;
        memcpy(path + end, name.data, name.len);
    }
    assert(end == 0);
    path[length - 1] = '\0';
    return (struct str){ path, length - 1 };
}

int node_open(const struct inventory *inventory, uint32_t node, int flags, struct arena scratch)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    struct str path = inventory_path(inventory, node, &scratch);
    for (;;) {
        long fd = syscall(SYS_openat2, inventory->store, path.data, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

bool node_refuse(const struct inventory *inventory, uint32_t node, struct arena scratch,
                 const char *reason, struct error *error)
{
    return error_set(error, "%s: %s", inventory_path(inventory, node, &scratch).data, reason);
}

bool node_refuse_errno(const struct inventory *inventory, uint32_t node, struct arena scratch,
                       int code, struct error *error)
{
    return error_errno(error, code, "%s", inventory_path(inventory, node, &scratch).data);
}

bool inventory_open(const struct inventory *inventory, uint32_t node, struct arena scratch,
                    int *ret_fd, struct error *error)
{
    int fd = node_open(inventory, node, O_RDONLY | O_NOCTTY | O_NONBLOCK, scratch);
    if (fd < 0)
        return node_refuse_errno(inventory, node, scratch, -fd, error);
    *ret_fd = fd;
    return true;
}

bool inventory_check(const struct inventory *inventory, uint32_t node, struct arena scratch, int fd,
                     struct error *error)
{
    struct stat status;
    const struct node *at = &inventory->nodes[node];
    if (fstat(fd, &status) < 0)
        return node_refuse_errno(inventory, node, scratch, errno, error);
    bool same = S_ISREG(status.st_mode) && (uint64_t)status.st_size == at->size_bytes &&
                status.st_mtim.tv_sec == at->modified_seconds &&
                status.st_mtim.tv_nsec == at->modified_nanoseconds;
    return same || node_refuse(inventory, node, scratch, "it changed while it was read", error);
}

uint32_t inventory_add(struct inventory *inventory, struct arena *arena, struct str name,
                       uint32_t parent)
{
    inventory->nodes = arena_grow(arena, inventory->nodes, inventory->count, &inventory->capacity,
                                  sizeof *inventory->nodes);
    assert(inventory->count < NODE_COUNT_MAX && parent <= inventory->count);
    uint32_t node = (uint32_t)inventory->count++;
    inventory->nodes[node] = (struct node){ .name = name, .parent = parent, .same_as = node };
    return node;
}
