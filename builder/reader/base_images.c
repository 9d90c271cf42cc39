#include "builder/reader/base_images.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>

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

bool base_images_find(const struct option_list *names, struct str store_dir,
                      const struct path_list *paths, struct arena scratch, bool *ret_held,
                      size_t *ret_count, struct error *error)
{
    *ret_count = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct arena rest = scratch;
        struct image image;
        cleanup(own_close) int fd = -1;
        if (!file_open(AT_FDCWD, names->items[i], &fd, error))
            return false;
        if (fd < 0)
            return error_errno(error, ENOENT, "open %s", names->items[i]);
        struct image_place place = { .fd = fd, .name = names->items[i] };
        if (!image_open(&place, store_dir, &rest, &image, error) ||
            !base_images_mark(&image, paths, ret_held, error))
            return false;
    }
    for (size_t i = 0; i < paths->count; i++)
        *ret_count += ret_held[i];
    return true;
}
