#include "builder/tree/tree_layers.h"

#include "builder/image/split.h"
#include "builder/ramdisk/newc.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Allocates the lists of images and pieces. */
static void begin_lists(struct tree_building *building, size_t count)
{
    struct tree_description *description = &building->result.description;
    description->images = arena_new(building->arena, struct tree_image, count);
    description->ramdisks = arena_new(building->arena, struct tree_file, 1 + 2 * count);
}

/* Gives an image and its verity data, which are complete, their names by the root hash. */
static bool place(struct tree_building *building, const char *name, const struct hash *root,
                  struct error *error)
{
    struct arena *arena = building->arena;
    struct tree_description *description = &building->result.description;
    struct stat status;
    if (fstatat(building->directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(error, errno, "look at %s", name);
    uint64_t size = (uint64_t)status.st_size;
    if (!layers_add(&building->layers, size, root, arena, error))
        return false;
    const struct layer *layer = &building->layers.items[building->layers.count - 1];
    const char *file = layer_image_name(layer, arena).data;
    description->images[description->image_count++] = (struct tree_image){
        .name = layer->name.data,
        .file = file,
        .size_bytes = size,
        .root = *root,
    };
    return tree_rename(building, name, file, error) &&
           tree_rename(building, verity_name(str_from(name), arena).data,
                       layer_verity_name(layer, arena).data, error);
}

static bool write_new(struct tree_building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    struct output output = { building->directory, LAYER_STORE_NAME };
    struct split_request split = {
        .inventory = request->inventory,
        .squashfs = request->squashfs,
        .limit_bytes = request->max_size_bytes,
        .verity = VERITY_FILE,
        .store_dir = request->store_dir,
        .output = &output,
    };
    struct split_result result;
    if (!split_write(&split, building->arena, &result, error))
        return error_in(error, "write the store image");
    building->result.image = result.sums;
    building->new_count = result.names.count;
    begin_lists(building, result.names.count + request->bases.count);
    for (size_t i = 0; i < result.names.count; i++)
        if (!place(building, result.names.items[i], &result.roots[i], error))
            return false;
    return true;
}

static bool write_base(struct tree_building *building, struct file base, struct error *error)
{
    const struct crew *crew = building->request->squashfs->crew;
    const char *name = layer_store_name(building->arena, building->result.description.image_count);
    cleanup(image_draft_release) struct image_draft draft = IMAGE_DRAFT_NONE;
    uint64_t size;
    return (image_draft_open(building->directory, name, VERITY_FILE, &draft, error) &&
            file_copy(base, (struct file){ draft.image.fd, name }, 0, *building->arena, &size,
                      error) &&
            image_draft_seal(&draft, VERITY_FILE, size, crew, error) &&
            image_draft_publish(&draft, error) && place(building, name, &draft.root, error)) ||
           error_in(error, "add the base image %s", base.name);
}

/* The list is not an image, but boot.json says where it is as of one. */
static bool write_list(struct tree_building *building, struct ramdisk *ramdisk, struct error *error)
{
    static const struct ramdisk_member member = { LAYERS_NAME, S_IFREG | 0444, NEWC_ALIGN_BYTES };
    struct str text = layers_format(&building->layers, building->arena);
    struct tree_image list = { .name = LAYERS_NAME, .file = RAMDISK_NAME, .size_bytes = text.len };
    if (!ramdisk_begin(ramdisk, &member, &list.offset, error) ||
        !file_write_at((struct file){ ramdisk->fd, "the ramdisk" }, text.data, text.len,
                       list.offset, error))
        return false;
    building->result.description.layers = list;
    return ramdisk_end(ramdisk, text.len, error);
}

bool tree_layers_write(struct tree_building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    if (!write_new(building, error))
        return false;
    for (size_t i = 0; i < bases->count; i++)
        if (!write_base(building, bases->items[i], error))
            return false;
    building->result.description.layer_bytes = layers_bytes(&building->layers);
    return write_list(building, ramdisk, error);
}

static bool seal(struct tree_building *building, const char *name, struct tree_file *ret_file,
                 struct error *error)
{
    cleanup(own_close) int fd =
        openat(building->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_errno(error, errno, "open %s", name);
    return tree_seal(building, name, fd, ret_file, error);
}

static bool write_header(struct tree_building *building, size_t index, struct tree_file *ret_file,
                         struct error *error)
{
    const struct tree_image *image = &building->result.description.images[index];
    const char *name = ramdisk_header_name(building->arena, index);
    cleanup(own_close) int fd = -1;
    return tree_create(building, name, 0644, &fd, error) &&
           ramdisk_write_header(fd, image->name, image->size_bytes, error) &&
           tree_seal(building, name, fd, ret_file, error);
}

static bool fit_into_ramdisk(const struct tree_description *description)
{
    for (size_t i = 0; i < description->image_count; i++)
        if (description->images[i].size_bytes > NEWC_MEMBER_MAX)
            return false;
    return true;
}

bool tree_layers_seal(struct tree_building *building, struct error *error)
{
    struct tree_description *description = &building->result.description;
    bool are_pieces = fit_into_ramdisk(description);
    struct tree_file image;
    for (size_t i = 0; i < description->image_count; i++) {
        const char *verity = layer_verity_name(&building->layers.items[i], building->arena).data;
        struct tree_file *piece =
            &description->ramdisks[description->ramdisk_count + description->piece_count];
        if ((are_pieces && !write_header(building, i, piece, error)) ||
            !seal(building, description->images[i].file, &image, error) ||
            !seal(building, verity, NULL, error))
            return false;
        if (!are_pieces)
            continue;
        piece[1] = image;
        description->piece_count += 2;
    }
    return true;
}
