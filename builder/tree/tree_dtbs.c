#include "builder/tree/tree_dtbs.h"

#include "builder/output/checksums.h"
#include "builder/output/directory_walk.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The directory that is being listed. */
struct listing {
    struct tree_dtbs *dtbs;
    struct arena *arena;
};

static bool list_one(void *context, const struct directory_entry *entry, struct error *error)
{
    const struct listing *listing = context;
    struct str path = str_from(entry->path);
    if (entry->is_directory)
        return true;
    if (!checksums_is_name(path))
        return error_set(error, "'%s' cannot be a name of a tree's file", entry->path);
    option_list_add(&listing->dtbs->names, arena_copy(listing->arena, path).data, listing->arena);
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static bool list_all(struct tree_dtbs *dtbs, int directory, struct arena *arena,
                     struct error *error)
{
    struct listing listing = { dtbs, arena };
    if (!directory_walk(directory, list_one, &listing, error))
        return error_in(error, "%s", dtbs->directory);
    if (dtbs->names.count == 0)
        return error_set(error, "%s has no device trees", dtbs->directory);
    qsort(dtbs->names.items, dtbs->names.count, sizeof *dtbs->names.items, compare_names);
    return true;
}

/* Opens a file of the list. */
static bool open_one(const struct tree_dtbs *dtbs, const char *name, struct arena scratch,
                     int *ret_fd, struct error *error)
{
    const char *path = arena_format(&scratch, "%s/%s", dtbs->directory, name).data;
    return root_open_file(dtbs->root, path, O_RDONLY, ret_fd, error) &&
           (*ret_fd >= 0 || error_set(error, "the system has no device tree %s", path));
}

static bool list_named(struct tree_dtbs *dtbs, const char *name, struct arena *arena,
                       struct error *error)
{
    cleanup(own_close) int fd = -1;
    dtbs->is_one = true;
    option_list_add(&dtbs->names, name, arena);
    return open_one(dtbs, name, *arena, &fd, error);
}

bool tree_dtbs_find(const struct store *store, struct str toplevel, const char *name,
                    struct arena *arena, struct tree_dtbs *ret_dtbs, struct error *error)
{
    struct str system = store_path_format(arena, store->store_dir, toplevel);
    struct tree_dtbs dtbs = {
        .root = store->root,
        .directory = arena_format(arena, "%s/" TREE_DTBS_NAME, system.data).data,
    };
    if (!tree_description_is_path(str_from(name)))
        return error_set(error, "--dtb expects 'all' or a name such as vendor/board.dtb, not '%s'",
                         name);
    cleanup(own_close) int directory =
        root_open(store->root, dtbs.directory, O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        return error_errno(error, -directory, "open the system's device trees, %s", dtbs.directory);
    if (!(strcmp(name, "all") == 0 ? list_all(&dtbs, directory, arena, error)
                                   : list_named(&dtbs, name, arena, error)))
        return false;
    *ret_dtbs = dtbs;
    return true;
}

static bool write_one(struct tree_building *building, const char *name, struct error *error)
{
    const struct tree_dtbs *dtbs = &building->request->dtbs;
    const char *target = arena_format(building->arena, TREE_DTBS_NAME "/%s", name).data;
    cleanup(own_close) int source = -1, fd = -1;
    uint64_t size;
    return open_one(dtbs, name, *building->arena, &source, error) &&
           tree_create(building, target, 0644, &fd, error) &&
           file_copy((struct file){ source, name }, (struct file){ fd, target }, 0,
                     *building->arena, &size, error) &&
           tree_seal(building, target, fd, NULL, error);
}

bool tree_dtbs_write(struct tree_building *building, struct error *error)
{
    const struct tree_dtbs *dtbs = &building->request->dtbs;
    for (size_t i = 0; i < dtbs->names.count; i++)
        if (!write_one(building, dtbs->names.items[i], error))
            return false;
    if (dtbs->names.count > 0)
        building->result.description.device_tree =
            dtbs->is_one
                ? arena_format(building->arena, TREE_DTBS_NAME "/%s", dtbs->names.items[0]).data
                : TREE_DTBS_NAME;
    return true;
}
