#include "builder/tree/tree_images.h"

#include "builder/image/split.h"
#include "builder/ramdisk/newc.h"
#include "builder/ramdisk/ramdisk.h"
#include "schema/base/own.h"
#include "schema/boot/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Allocates the lists of images and of the ramdisk's files. Their sizes depend on the number of new
 * images. */
static struct tree_image *add_images(struct tree_building *building, size_t new_count)
{
    struct tree_description *description = &building->result.description;
    building->new_count = new_count;
    description->image_count = new_count + building->request->bases.count;
    description->images = arena_new(building->arena, struct tree_image, description->image_count);
    for (size_t i = 0; i < description->image_count; i++)
        description->images[i] = (struct tree_image){ .name = layer_store_name(building->arena, i),
                                                      .file = RAMDISK_NAME };
    size_t piece_count = building->request->separate_store ? 2 * description->image_count : 0;
    description->ramdisks = arena_new(building->arena, struct tree_file, 1 + piece_count);
    return description->images;
}

static bool write_one_image(struct tree_building *building, struct squashfs_place place,
                            struct error *error)
{
    const struct tree_request *request = building->request;
    struct squashfs_options options = *request->squashfs;
    options.limit_bytes = NEWC_MEMBER_MAX;
    return squashfs_write(request->inventory, &options, place, *building->arena,
                          &building->result.image, error) ||
           error_in(error, "write the store image");
}

bool tree_write_images(struct tree_building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    struct output output = { building->directory, LAYER_STORE_NAME };
    uint64_t limit = request->max_size_bytes;
    struct split_request split = {
        .inventory = request->inventory,
        .squashfs = request->squashfs,
        .limit_bytes = limit < NEWC_MEMBER_MAX ? limit : NEWC_MEMBER_MAX,
        .store_dir = request->store_dir,
        .output = &output,
    };
    struct split_result result;
    if (limit) {
        if (!split_write(&split, building->arena, &result, error))
            return false;
        building->result.image = result.sums;
        add_images(building, result.names.count);
        return true;
    }
    cleanup(own_close) int fd = -1;
    add_images(building, 1);
    return tree_create(building, LAYER_STORE_NAME, 0644, &fd, error) &&
           write_one_image(building, (struct squashfs_place){ fd, 0 }, error);
}

/* Writes the image directly into the ramdisk, without a temporary file. */
static bool add_one_image(struct tree_building *building, struct ramdisk *ramdisk,
                          struct error *error)
{
    struct tree_image *image = add_images(building, 1);
    struct ramdisk_member member = ramdisk_image(image->name);
    if (!ramdisk_begin(ramdisk, &member, &image->offset, error) ||
        !write_one_image(building, (struct squashfs_place){ ramdisk->fd, image->offset }, error))
        return false;
    image->size_bytes = building->result.image.size_bytes;
    return ramdisk_end(ramdisk, image->size_bytes, error);
}

static bool add_image(struct tree_building *building, struct ramdisk *ramdisk,
                      struct tree_image *image, struct file source, struct error *error)
{
    if (!ramdisk_add_image(ramdisk, image->name, source, *building->arena, &image->size_bytes,
                           error))
        return false;
    image->offset = ramdisk->data_offset;
    return true;
}

/* The number and sizes of split images are known only after they are written. So they are written
 * to files first. */
static bool add_split_images(struct tree_building *building, struct ramdisk *ramdisk,
                             struct error *error)
{
    if (!tree_write_images(building, error))
        return false;
    for (size_t i = 0; i < building->new_count; i++) {
        struct tree_image *image = &building->result.description.images[i];
        cleanup(own_close) int fd =
            openat(building->directory, image->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || unlinkat(building->directory, image->name, 0) < 0)
            return error_errno(error, errno, "open %s", image->name);
        if (!add_image(building, ramdisk, image, (struct file){ fd, image->name }, error))
            return false;
    }
    return true;
}

static bool add_bases(struct tree_building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    struct tree_image *images = building->result.description.images + building->new_count;
    for (size_t i = 0; i < bases->count; i++)
        if (!add_image(building, ramdisk, &images[i], bases->items[i], error))
            return false;
    return true;
}

static bool write_base_files(struct tree_building *building, struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    const struct tree_image *images = building->result.description.images + building->new_count;
    for (size_t i = 0; i < bases->count; i++) {
        cleanup(own_close) int fd = -1;
        uint64_t size;
        if (!tree_create(building, images[i].name, 0644, &fd, error) ||
            !file_copy(bases->items[i], (struct file){ fd, images[i].name }, 0, *building->arena,
                       &size, error))
            return false;
    }
    return true;
}

/* For an image in its own file, writes the header file and adds both to the description. */
static bool seal_image(struct tree_building *building, size_t index, struct error *error)
{
    struct tree_description *description = &building->result.description;
    struct tree_image *image = &description->images[index];
    const char *header_name = ramdisk_header_name(building->arena, index);
    struct stat status;
    cleanup(own_close) int header = -1;
    cleanup(own_close) int fd =
        openat(building->directory, image->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", image->name);
    image->file = image->name;
    image->size_bytes = (uint64_t)status.st_size;
    description->unpacked_bytes += ramdisk_member_memory(image->size_bytes);
    return tree_create(building, header_name, 0644, &header, error) &&
           ramdisk_write_header(header, image->name, image->size_bytes, error) &&
           tree_seal_ramdisk(building, header_name, header, error) &&
           tree_seal_ramdisk(building, image->name, fd, error);
}

bool tree_seal_images(struct tree_building *building, struct error *error)
{
    if (!write_base_files(building, error))
        return false;
    for (size_t i = 0; i < building->result.description.image_count; i++)
        if (!seal_image(building, i, error))
            return false;
    return true;
}

bool tree_add_images(struct tree_building *building, struct ramdisk *ramdisk, struct error *error)
{
    return (building->request->max_size_bytes ? add_split_images : add_one_image)(building, ramdisk,
                                                                                  error) &&
           add_bases(building, ramdisk, error);
}
