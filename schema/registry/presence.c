#include "schema/registry/presence.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SEEN_LEAST = 1024 };

bool presence_look(int directory, struct str base, bool *ret_is_there, struct error *error)
{
    struct stat status;
    char name[STORE_PATH_BASE_MAX + 1];
    snprintf(name, sizeof name, "%.*s", STR_ARG(base));
    *ret_is_there = fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    return *ret_is_there || errno == ENOENT || error_errno(error, errno, "look at %s", name);
}

/* Reading a directory can miss a name that is replaced at that moment, as `nix-store --optimise`
 * does. So each missing name is looked up once more. */
static bool look_again(int directory, const struct path_list *list, bool *present,
                       struct error *error)
{
    for (size_t i = 0; i < list->count; i++)
        if (!present[i] && !presence_look(directory, list->items[i].base, &present[i], error))
            return false;
    return true;
}

static uint64_t *slot_of(const struct presence *presence, uint64_t hash)
{
    size_t mask = presence->seen_capacity - 1;
    for (size_t at = hash >> 32 & mask;; at = (at + 1) & mask)
        if (presence->seen[at] == hash || presence->seen[at] == 0)
            return &presence->seen[at];
}

static uint64_t hash_of(const struct presence *presence, struct str base)
{
    uint64_t hash = name_hash(presence->seed, base);
    return hash ? hash : 1;
}

/* Makes the table when all names are known: the places in it are visited at random, and in a loop of
 * nothing else the CPU need not wait for each. */
static void tabulate(struct presence *presence, struct arena *arena)
{
    presence->seen_capacity = SEEN_LEAST;
    while (presence->seen_count * 5 >= presence->seen_capacity * 4)
        presence->seen_capacity *= 2;
    presence->seen = arena_new(arena, uint64_t, presence->seen_capacity);
    for (size_t i = 0; i < presence->seen_count; i++)
        *slot_of(presence, presence->hashes[i]) = presence->hashes[i];
}

static void see(struct presence *presence, struct str base, struct arena *arena)
{
    uint32_t path = path_list_find(presence->list, base);
    if (path != NAME_NONE)
        presence->is_there[path] = true;
    if (!presence->sees_all)
        return;
    presence->hashes = arena_grow(arena, presence->hashes, presence->seen_count,
                                  &presence->hashes_capacity, sizeof *presence->hashes);
    presence->hashes[presence->seen_count++] = hash_of(presence, base);
}

bool presence_scan(const struct store *store, struct arena *arena, struct presence *presence,
                   struct error *error)
{
    presence->is_there = arena_new(arena, bool, presence->list->count);
    presence->seed = name_seed();
    cleanup(own_close) int fd =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return true;
    if (fd < 0)
        return error_errno(error, -fd, "open the store %s", store->store_dir.data);
    cleanup(own_close_directory) DIR *directory = fdopendir(fd);
    if (!directory)
        return error_errno(error, errno, "read the store %s", store->store_dir.data);
    own_take(&fd);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory)))
        see(presence, str_from(entry->d_name), arena);
    if (errno != 0)
        return error_errno(error, errno, "read the store %s", store->store_dir.data);
    if (presence->sees_all)
        tabulate(presence, arena);
    return look_again(dirfd(directory), presence->list, presence->is_there, error);
}

bool presence_saw(const struct presence *presence, struct str base)
{
    return presence->seen_count > 0 && *slot_of(presence, hash_of(presence, base)) != 0;
}
