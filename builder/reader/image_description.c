#include "builder/reader/image_description.h"

#include "schema/nix/path_info_json.h"

#include <assert.h>

bool image_description_read(const struct image *image, struct str store_dir, struct arena *ret_own,
                            struct path_list *ret_described, struct error *error)
{
    struct str text;
    assert(image->description != 0);
    const struct image_inode *inode = image_inode_of(image, image->description);
    if (inode->kind != IMAGE_REGULAR)
        return error_set(error, "it is not a file");
    if (!path_info_json_reserve(inode->size_bytes, ret_own, error) ||
        !budget_spend(&image->file.budget->memory, path_info_json_room((size_t)inode->size_bytes),
                      error))
        return false;
    struct arena own = *ret_own;
    return image_read_text(image, inode, path_info_json_bytes_max, &own, &text, error) &&
           path_info_json_parse(text, store_dir, &own, ret_described, error);
}
