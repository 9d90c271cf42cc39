#include "schema/registry/mounted_layers.h"

#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/registry/presence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct layer {
    uint64_t number; /* 0 for .ro-store, N for .ro-store.N */
    const char *path;
};

static bool parse_layer(struct str name, uint64_t *ret_number)
{
    *ret_number = 0;
    if (str_equal(name, STR(".ro-store")))
        return true;
    struct str prefix = STR(".ro-store.");
    return str_starts(name, prefix) &&
           str_to_number(str_skip(name, prefix.len), UINT32_MAX, ret_number);
}

static int compare_layers(const void *left, const void *right)
{
    const struct layer *a = left, *b = right;
    return order_numbers(a->number, b->number);
}

bool mounted_layers_find(const struct store *store, struct arena *arena,
                         struct mounted_layers *ret_layers, struct error *error)
{
    struct layer *items = NULL;
    size_t count = 0, capacity = 0;
    struct str parent = str_cut_last(store->store_dir, '/').head;
    const char *path = parent.len ? arena_copy(arena, parent).data : "/";
    *ret_layers = (struct mounted_layers){ 0 };
    cleanup(own_close) int fd = root_open(store->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return true;
    cleanup(own_close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return error_errno(error, fd < 0 ? -fd : errno, "read the directory %s", path);
    own_take(&fd);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        struct layer layer;
        if (!parse_layer(str_from(entry->d_name), &layer.number))
            continue;
        layer.path = arena_format(arena, "%.*s/%s", STR_ARG(parent), entry->d_name).data;
        items = arena_grow(arena, items, count, &capacity, sizeof *items);
        items[count++] = layer;
    }
    if (errno != 0)
        return error_errno(error, errno, "read the directory %s", path);
    if (count)
        qsort(items, count, sizeof *items, compare_layers);
    ret_layers->paths = arena_new(arena, const char *, count);
    ret_layers->count = count;
    for (size_t i = 0; i < count; i++) {
        ret_layers->paths[i] = items[i].path;
        ret_layers->has_gap |= items[i].number != i;
    }
    return true;
}

static bool find_in_layer(int directory, const struct path_list *list, const bool *present,
                          bool *hidden, struct error *error)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (!present[i] && !hidden[i] &&
            !presence_look(directory, list->items[i].base, &hidden[i], error))
            return false;
    return true;
}

bool mounted_layers_find_hidden(const struct store *store, const struct path_list *list,
                                const bool *present, struct arena scratch, bool *ret_hidden,
                                struct error *error)
{
    struct mounted_layers layers;
    if (!mounted_layers_find(store, &scratch, &layers, error))
        return false;
    for (size_t i = 0; i < layers.count; i++) {
        cleanup(own_close) int directory =
            root_open(store->root, layers.paths[i], O_RDONLY | O_DIRECTORY, 0);
        if (directory == -ENOENT || directory == -ENOTDIR)
            continue;
        if (directory < 0)
            return error_errno(error, -directory, "open the layer %s", layers.paths[i]);
        if (!find_in_layer(directory, list, present, ret_hidden, error))
            return error_in(error, "the layer %s", layers.paths[i]);
    }
    return true;
}
