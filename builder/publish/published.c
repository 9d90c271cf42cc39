#include "builder/publish/published.h"

#include "builder/tree/tree.h"
#include "schema/base/budget.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static const char plain_bytes[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-";

/* --- Names ---------------------------------------------------------------------------------------- */

bool published_label_is_plain(struct str label)
{
    bool is_plain = label.len > 0 && label.len <= PUBLISHED_LABEL_MAX && label.data[0] != '.' &&
                    label.data[0] != '-';
    for (size_t i = 0; i < label.len && is_plain; i++)
        is_plain = label.data[i] != '\0' && strchr(plain_bytes, label.data[i]);
    return is_plain;
}

/* A store path's name can be longer than a label, and start with a byte that a label cannot. */
static struct str label_of(const char *toplevel, struct arena *arena)
{
    struct str base = str_cut_last(str_from(toplevel), '/').tail;
    struct error unused;
    struct str name = store_path_check(base, &unused) ? store_path_name(base) : STR("system");
    char *label = arena_room(arena, PUBLISHED_LABEL_MAX);
    size_t length = name.len < PUBLISHED_LABEL_MAX ? name.len : PUBLISHED_LABEL_MAX;
    for (size_t i = 0; i < length; i++)
        label[i] = strchr(plain_bytes, name.data[i]) ? name.data[i] : '-';
    if (label[0] == '.' || label[0] == '-')
        label[0] = '_';
    return (struct str){ label, length };
}

const char *published_name(const struct published_tree *tree, const char *label,
                           struct arena *arena)
{
    struct str text = label ? str_from(label) : label_of(tree->toplevel, arena);
    assert(published_label_is_plain(text));
    return arena_format(arena, "%.*s-%.*s", STR_ARG(text), PUBLISHED_HASH_DIGITS,
                        hash_to_hex(&tree->hash).text)
        .data;
}

struct str published_label(const char *name)
{
    return str_cut_last(str_from(name), '-').head;
}

/* Has it the form of a system's name? */
static bool is_system_name(struct str name)
{
    struct cut cut = str_cut_last(name, '-');
    bool is_hash = cut.found && cut.tail.len == PUBLISHED_HASH_DIGITS;
    for (size_t i = 0; i < cut.tail.len && is_hash; i++)
        is_hash = strchr("0123456789abcdef", cut.tail.data[i]) && cut.tail.data[i] != '\0';
    return is_hash && published_label_is_plain(cut.head);
}

struct str published_ipxe(const char *name, struct arena *arena)
{
    return arena_format(
        arena,
        "#!ipxe\n"
        "# Written by regd-build publish, which replaces it.\n"
        "# The files come from a directory that does not change while a machine boots.\n"
        "chain " PUBLISHED_SYSTEMS_NAME "/%s/" TREE_IPXE_NAME "\n",
        name);
}

/* --- Opening ---------------------------------------------------------------------------------------- */

void published_release(const struct published *published)
{
    own_close(&published->systems);
    own_close(&published->stores);
    own_close(&published->root);
}

static bool make_directory(int parent, const char *name, struct error *error)
{
    return mkdirat(parent, name, 0755) == 0 || errno == EEXIST ||
           error_errno(error, errno, "create %s", name);
}

static bool open_directory(int parent, const char *name, enum published_access access, int *ret_fd,
                           struct error *error)
{
    if (access == PUBLISHED_CREATE && !make_directory(parent, name, error))
        return false;
    *ret_fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret_fd < 0 && errno == ENOTDIR)
        return error_set(error, "%s is not a directory, or a link to one; remove it", name);
    return *ret_fd >= 0 || error_errno(error, errno, "open %s", name);
}

static bool open_all(struct published *published, enum published_access access, struct error *error)
{
    if (access == PUBLISHED_CREATE && !make_directory(AT_FDCWD, published->path, error))
        return false;
    published->root = open(published->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (published->root < 0)
        return error_errno(error, errno, "open %s", published->path);
    int operation = access == PUBLISHED_READ ? LOCK_SH : LOCK_EX;
    while (flock(published->root, operation) < 0)
        if (errno != EINTR)
            return error_errno(error, errno, "lock %s", published->path);
    return (open_directory(published->root, PUBLISHED_STORES_NAME, access, &published->stores,
                           error) &&
            open_directory(published->root, PUBLISHED_SYSTEMS_NAME, access, &published->systems,
                           error)) ||
           error_in(error, "%s", published->path);
}

bool published_open(const char *path, enum published_access access, struct published *ret_published,
                    struct error *error)
{
    cleanup(published_release) struct published published = PUBLISHED_NONE;
    published.path = path;
    if (!open_all(&published, access, error))
        return false;
    *ret_published = published;
    published = PUBLISHED_NONE;
    return true;
}

/* --- Reading ---------------------------------------------------------------------------------------- */

/* Reads a link to a system. */
static bool read_link(const struct published *published, const char *link, struct arena *arena,
                      const char **ret_name, struct error *error)
{
    char target[PATH_MAX];
    static const struct str prefix = { PUBLISHED_SYSTEMS_NAME "/", sizeof PUBLISHED_SYSTEMS_NAME };
    ssize_t length = readlinkat(published->root, link, target, sizeof target);
    struct str text = { target, length < 0 ? 0 : (size_t)length };
    if (length < 0 && errno == ENOENT) {
        *ret_name = NULL;
        return true;
    }
    if (length < 0 && errno != EINVAL)
        return error_errno(error, errno, "%s: read the link %s", published->path, link);
    if (length < 0 || !str_starts(text, prefix) || !is_system_name(str_skip(text, prefix.len)))
        return error_set(error,
                         "%s/%s is not a link to a system in " PUBLISHED_SYSTEMS_NAME
                         "; remove it, or name another directory",
                         published->path, link);
    *ret_name = arena_copy(arena, str_skip(text, prefix.len)).data;
    return true;
}

static bool look_at_store(const struct published *published, const char *name,
                          uint64_t *ret_size_bytes, struct error *error)
{
    struct stat status;
    if (fstatat(published->stores, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(error, errno, PUBLISHED_STORES_NAME "/%s", name);
    if (!S_ISREG(status.st_mode))
        return error_set(error, PUBLISHED_STORES_NAME "/%s is not a regular file", name);
    *ret_size_bytes = (uint64_t)status.st_size;
    return true;
}

static bool read_stores(const struct published *published, struct published_system *system,
                        struct arena *arena, struct error *error)
{
    const struct published_tree *tree = &system->tree;
    system->stores = arena_new(arena, struct published_store, tree->root_count);
    for (size_t i = 0; i < tree->root_count; i++) {
        struct published_store *store = &system->stores[i];
        struct store_names names = store_names_of(&tree->roots[i]);
        store->root = tree->roots[i];
        if (!look_at_store(published, names.image, &store->size_bytes, error) ||
            !look_at_store(published, names.verity, &store->verity_bytes, error))
            return false;
    }
    return true;
}

static bool read_system(const struct published *published, const char *name, struct arena *arena,
                        struct published_system *ret_system, struct error *error)
{
    struct stat status;
    struct published_system system = { .name = name };
    if (!is_system_name(str_from(name)))
        return error_set(error, "no earlier run made it");
    cleanup(own_close) int fd =
        openat(published->systems, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open it");
    system.offered = status.st_mtim;
    if (!published_tree_read(fd, arena, &system.tree, error))
        return false;
    const char *label = arena_copy(arena, published_label(name)).data;
    if (strcmp(published_name(&system.tree, label, arena), name) != 0)
        return error_set(error, "its " CHECKSUMS_NAME " is not the one that its name says");
    if (!read_stores(published, &system, arena, error))
        return false;
    *ret_system = system;
    return true;
}

/* The list and the description of a system are small, but one file can be those of any number of systems. */
static bool pay_and_spend(const struct published *published, const char *name, size_t spent_bytes,
                          struct budget *memory, struct error *error)
{
    static const char *const files[] = { CHECKSUMS_NAME, TREE_BOOT_JSON_NAME };
    cleanup(own_close) int fd =
        openat(published->systems, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    for (size_t i = 0; i < 2; i++)
        if (fd >= 0 && fstatat(fd, files[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            budget_pay(memory, budget_share(fd, files[i], &status));
    return budget_spend(memory, spent_bytes, error);
}

/* What is no system takes time, but no memory. */
static bool add_entry(struct published *published, const char *name, struct arena *arena,
                      struct budget *memory, struct error *error)
{
    struct error reason;
    struct published_system system;
    const struct arena before = *arena;
    bool is_system = read_system(published, name, arena, &system, &reason);
    size_t spent_bytes = arena_left(&before) - arena_left(arena);
    if (!is_system)
        *arena = before;
    if (!pay_and_spend(published, name, spent_bytes, memory, error))
        return false;
    if (is_system) {
        published->items = arena_grow(arena, published->items, published->count,
                                      &published->capacity, sizeof *published->items);
        published->items[published->count++] = system;
        return true;
    }
    published->strays = arena_grow(arena, published->strays, published->stray_count,
                                   &published->stray_capacity, sizeof *published->strays);
    published->strays[published->stray_count++] =
        (struct published_stray){ name, arena_copy(arena, str_from(reason.sentence)).data };
    return true;
}

static int compare_systems(const void *left, const void *right)
{
    const struct published_system *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static int compare_strays(const void *left, const void *right)
{
    const struct published_stray *a = left, *b = right;
    return strcmp(a->name, b->name);
}

bool published_read(struct published *published, struct arena *arena, struct error *error)
{
    const struct dirent *entry;
    struct budget memory = { .what = "memory for the lists of its systems",
                             .floor_bytes = PUBLISHED_MEMORY_FLOOR_BYTES,
                             .factor = PUBLISHED_MEMORY_FACTOR };
    if (!read_link(published, PUBLISHED_CURRENT_NAME, arena, &published->current, error) ||
        !read_link(published, PUBLISHED_PREVIOUS_NAME, arena, &published->previous, error))
        return false;
    published->items = NULL;
    published->strays = NULL;
    published->count = published->capacity = 0;
    published->stray_count = published->stray_capacity = 0;
    cleanup(own_close_directory) DIR *directory = own_open_entries(published->systems);
    if (!directory)
        return error_errno(error, errno, "read %s/" PUBLISHED_SYSTEMS_NAME, published->path);
    while ((entry = own_next_entry(directory)))
        if (entry->d_name[0] != '.' &&
            !add_entry(published, arena_copy(arena, str_from(entry->d_name)).data, arena, &memory,
                       error))
            return error_in(error, "%s/" PUBLISHED_SYSTEMS_NAME, published->path);
    if (errno)
        return error_errno(error, errno, "read %s/" PUBLISHED_SYSTEMS_NAME, published->path);
    if (published->count)
        qsort(published->items, published->count, sizeof *published->items, compare_systems);
    if (published->stray_count)
        qsort(published->strays, published->stray_count, sizeof *published->strays, compare_strays);
    return true;
}

const struct published_system *published_find(const struct published *published, const char *name)
{
    for (size_t i = 0; name && i < published->count; i++)
        if (strcmp(published->items[i].name, name) == 0)
            return &published->items[i];
    return NULL;
}

static int compare_roots(const void *left, const void *right)
{
    const struct hash *a = left, *b = right;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

const struct published_system *published_user(const struct published *published,
                                              const struct hash *root)
{
    for (size_t i = 0; i < published->count; i++)
        if (published->items[i].tree.root_count > 0 &&
            bsearch(root, published->items[i].tree.roots, published->items[i].tree.root_count,
                    sizeof *root, compare_roots))
            return &published->items[i];
    return NULL;
}

const char *published_why_stray(const struct published *published, const char *name)
{
    for (size_t i = 0; i < published->stray_count; i++)
        if (strcmp(published->strays[i].name, name) == 0)
            return published->strays[i].reason;
    return "it is gone";
}
