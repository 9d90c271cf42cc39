#include "units/initrd_layers.h"

/* Accepts nix-store.squashfs (0) and nix-store.NUMBER.squashfs, without leading zeros. */
static bool parse_layer_name(struct str name, uint64_t *ret_number)
{
    struct str prefix = STR("nix-store."), suffix = STR("squashfs");
    if (!str_starts(name, prefix) || !str_ends(name, suffix))
        return false;
    *ret_number = 0;
    if (name.len == prefix.len + suffix.len)
        return true;
    struct cut cut = str_cut(str_skip(name, prefix.len), '.');
    return str_equal(cut.tail, suffix) && str_to_number(cut.head, UINT32_MAX, ret_number) &&
           cut.head.data[0] != '0';
}

static const char *layer_path(size_t index, struct arena *arena)
{
    return arena_format(arena, "/%s", layer_store_name(arena, index)).data;
}

/* Each name is there once. So N layers have the numbers 0 to N - 1, unless one is missing. */
static bool find_images(const struct option_list *names, struct arena *arena,
                        struct initrd_source_list *ret_sources, struct error *error)
{
    size_t count = 0;
    bool *is_there = arena_new(arena, bool, names->count);
    uint64_t number, last = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (!parse_layer_name(str_from(names->items[i]), &number))
            continue;
        count++;
        last = number > last ? number : last;
        if (number < names->count)
            is_there[number] = true;
    }
    struct initrd_source *sources = arena_new(arena, struct initrd_source, count);
    for (size_t i = 0; i < count; i++) {
        if (!is_there[i])
            return error_set(error, "the ramdisk has %s, but not %s: a layer is missing",
                             layer_path((size_t)last, arena), layer_path(i, arena));
        sources[i].what = layer_path(i, arena);
    }
    *ret_sources = (struct initrd_source_list){ sources, count, count };
    return true;
}

static struct initrd_source_list to_fetch(const struct layer_list *list, struct arena *arena)
{
    struct initrd_source *sources = arena_new(arena, struct initrd_source, list->count);
    for (size_t i = 0; i < list->count; i++)
        sources[i] = (struct initrd_source){ .pin = list->items[i], .is_url = true };
    return (struct initrd_source_list){ sources, list->count, list->count };
}

bool initrd_layers_find(const struct initrd_ramdisk *ramdisk, struct arena *arena,
                        struct initrd_source_list *ret_sources, struct error *error)
{
    struct initrd_source_list images;
    struct layer_list list = { 0 };
    if (!find_images(&ramdisk->names, arena, &images, error))
        return false;
    if (ramdisk->layers.data && !layers_parse(ramdisk->layers, arena, &list, error))
        return error_in(error, "parse /" LAYERS_NAME);
    if (images.count > 0 && list.count > 0 && images.count != list.count)
        return error_set(error, "the ramdisk has %zu store images, but /" LAYERS_NAME " lists %zu",
                         images.count, list.count);
    *ret_sources = images.count > 0 ? images : to_fetch(&list, arena);
    return true;
}
