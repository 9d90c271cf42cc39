#include "builder/reader/base_images.h"

bool base_images_mark(const struct image *image, const struct path_list *paths, bool *held,
                      struct error *error)
{
    for (size_t i = 0; i < paths->count; i++) {
        const struct path_info *info = &paths->items[i];
        uint32_t listed = path_list_find(&image->listed, info->base);
        if (listed == NAME_NONE || image_find(image, info->base) == 0)
            continue;
        if (!hash_equal(&image->listed.items[listed].nar_hash, &info->nar_hash))
            return error_set(error, "base image %s: '%.*s' has another NAR hash than the closure's",
                             image->name, STR_ARG(info->base));
        held[i] = true;
    }
    return true;
}

bool base_images_find(const struct input_files *files, struct str store_dir,
                      const struct path_list *paths, struct arena scratch, bool *held,
                      struct error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        struct arena rest = scratch;
        struct image image;
        struct image_place place = { .fd = files->items[i].fd, .name = files->items[i].name };
        if (!image_open(&place, store_dir, &rest, &image, error) ||
            !base_images_mark(&image, paths, held, error))
            return false;
    }
    return true;
}
