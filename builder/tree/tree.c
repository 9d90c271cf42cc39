#include "builder/tree/tree.h"

#include "builder/output/checksums.h"
#include "builder/ramdisk/ramdisk.h"
#include "builder/ramdisk/ramdisk_archive.h"
#include "builder/ramdisk/ramdisk_survey.h"
#include "builder/tree/boot_memory.h"
#include "builder/tree/script.h"
#include "builder/tree/tree_dtbs.h"
#include "builder/tree/tree_images.h"
#include "builder/tree/tree_layers.h"
#include "builder/tree/tree_texts.h"
#include "builder/tree/tree_uki.h"
#include "schema/base/own.h"
#include "schema/boot/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_OLD_NAME  "bzImage"
#define RAMDISK_OLD_NAME "initrd.gz"

static bool check_kernel_name(const char *name, struct error *error)
{
    static const char *const taken[] = {
        RAMDISK_NAME,    RAMDISK_OLD_NAME, TREE_IPXE_NAME,   TREE_GRUB_NAME, TREE_BOOT_JSON_NAME,
        TREE_KEXEC_NAME, CHECKSUMS_NAME,   "extlinux",       "pxelinux.cfg", "kexec",
        TREE_UKI_NAME,   TREE_DTBS_NAME,   LAYERS_DIRECTORY,
    };
    bool is_taken =
        str_starts(str_from(name), STR("nix-store.")) || !checksums_is_name(str_from(name));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        is_taken = is_taken || strcmp(name, taken[i]) == 0;
    return !is_taken ||
           error_set(
               error,
               "a tree has another file with the kernel's name '%s'; rename the kernel, or give "
               "--kernel",
               name);
}

static bool write_kernel(struct tree_building *building, struct error *error)
{
    const struct boot_spec *spec = building->request->spec;
    const char *name = spec->kernel_name.data;
    cleanup(own_close) int fd = -1;
    uint64_t size;
    if (!check_kernel_name(name, error) || !tree_create(building, name, 0644, &fd, error))
        return false;
    return file_copy((struct file){ spec->kernel, "the kernel" }, (struct file){ fd, name }, 0,
                     *building->arena, &size, error) &&
           tree_seal(building, name, fd, &building->result.description.kernel, error);
}

/* --- The ramdisk -------------------------------------------------------------------------------- */

/* Adds what a prepended ramdisk unpacks to, and warns if the kernel may not unpack all of it. */
static void count_prepend(struct tree_building *building, struct file prepend,
                          const struct ramdisk_survey *survey)
{
    building->result.description.unpacked_bytes += survey->unpacked_bytes;
    if (survey->fault.sentence[0] != '\0')
        tree_warn(building,
                  arena_format(building->arena,
                               "the kernel may not unpack all of the ramdisk %s: at byte %llu: %s",
                               prepend.name, (unsigned long long)survey->fault_offset,
                               survey->fault.sentence));
}

static bool write_prepends(struct tree_building *building, struct ramdisk *ramdisk,
                           struct error *error)
{
    const struct input_files *prepends = &building->request->prepends;
    bool names_store_image = false;
    for (size_t i = 0; i < prepends->count; i++) {
        struct file prepend = prepends->items[i];
        struct ramdisk_survey survey;
        uint64_t size;
        if (!ramdisk_prepend(ramdisk, prepend, *building->arena, &size, error) ||
            !ramdisk_survey(prepend, &survey, error))
            return false;
        count_prepend(building, prepend, &survey);
        names_store_image = names_store_image || survey.names_store_image;
    }
    if (!names_store_image)
        tree_warn(building, STR("the initial ramdisk does not name " LAYER_STORE_NAME
                                ": this system may not mount its store from an image"));
    return true;
}

static bool refuse_memory(const struct tree_building *building, uint64_t ramdisk_bytes,
                          uint64_t unpacked_bytes, struct error *error)
{
    const struct boot_root *root = &building->root;
    unsigned long long unpacked = unpacked_bytes >> 20;
    if (root->max_bytes > 0 && unpacked_bytes > root->max_bytes)
        return error_set(error,
                         "the ramdisk unpacks to %llu MiB, and the kernel parameter "
                         "initramfs_options= allows %llu MiB; it boots on no machine",
                         unpacked, (unsigned long long)(root->max_bytes >> 20));
    const char *limit =
        root->percent == 0
            ? ""
            : arena_format(building->arena, ", which may fill %llu %% of the memory that is left",
                           (unsigned long long)root->percent)
                  .data;
    return error_set(
        error,
        "booting needs at least %llu MiB of memory (the ramdisk of %llu MiB, and the %llu MiB that "
        "it unpacks to%s), and --target-ram is %llu MiB",
        (unsigned long long)(building->result.description.memory_bytes >> 20),
        (unsigned long long)(ramdisk_bytes >> 20), unpacked, limit,
        (unsigned long long)(building->request->target_bytes >> 20));
}

static bool refuse_fetch(const struct tree_building *building, uint64_t unpacked_bytes,
                         uint64_t layer_bytes, struct error *error)
{
    return error_set(
        error,
        "fetching the store needs at least %llu MiB of memory (store images of %llu MiB, the "
        "unpacked ramdisk of %llu MiB, and %llu MiB for stage 1), and --target-ram is %llu MiB",
        (unsigned long long)(building->result.description.memory_bytes >> 20),
        (unsigned long long)(layer_bytes >> 20), (unsigned long long)(unpacked_bytes >> 20),
        (unsigned long long)((building->result.description.memory_bytes - layer_bytes -
                              unpacked_bytes) >>
                             20),
        (unsigned long long)(building->request->target_bytes >> 20));
}

/* Fails if booting needs more memory than --target-ram, or if no machine can boot the ramdisk. If
 * there are layers, they are fetched later. */
static bool check_memory(struct tree_building *building, uint64_t ramdisk_bytes,
                         uint64_t unpacked_bytes, uint64_t layer_bytes, struct error *error)
{
    uint64_t target = building->request->target_bytes;
    uint64_t *needed = &building->result.description.memory_bytes;
    *needed = boot_memory_bytes(ramdisk_bytes, unpacked_bytes, building->root);
    if (*needed == UINT64_MAX || (target > 0 && *needed > target))
        return refuse_memory(building, ramdisk_bytes, unpacked_bytes, error);
    uint64_t to_fetch = layer_bytes > 0 ? boot_memory_fetch_bytes(unpacked_bytes, layer_bytes) : 0;
    if (to_fetch <= *needed)
        return true;
    *needed = to_fetch;
    return target == 0 || to_fetch <= target ||
           refuse_fetch(building, unpacked_bytes, layer_bytes, error);
}

/* Checks the memory with the files that exist already, because the new image takes long to make. */
static bool check_memory_early(struct tree_building *building, uint64_t ramdisk_bytes,
                               struct error *error)
{
    uint64_t base_bytes, unpacked_bytes = building->result.description.unpacked_bytes;
    if (!input_files_size(&building->request->bases, &base_bytes, error))
        return false;
    return building->request->by_url
               ? check_memory(building, ramdisk_bytes, unpacked_bytes, base_bytes, error)
               : check_memory(building, ramdisk_bytes + base_bytes, unpacked_bytes + base_bytes, 0,
                              error);
}

/* Writes the images: into the ramdisk, or as files beside it. */
static bool write_images(struct tree_building *building, struct ramdisk *ramdisk,
                         struct error *error)
{
    if (building->request->by_url)
        return tree_layers_write(building, ramdisk, error);
    return building->request->separate_store ? tree_write_images(building, error)
                                             : tree_add_images(building, ramdisk, error);
}

/* Adds the extra files and, unless the images are separate files, the images. */
static bool fill_archive(void *context, struct ramdisk *ramdisk, struct error *error)
{
    struct tree_building *building = context;
    if (!ramdisk_files_write(building->request->extras, ramdisk, *building->arena, error) ||
        !write_images(building, ramdisk, error) || !ramdisk_finish(ramdisk, error))
        return false;
    building->result.description.unpacked_bytes += ramdisk->unpacked_bytes;
    return true;
}

static void set_packed(struct tree_image *image, uint64_t archive_offset)
{
    image->offset = archive_offset;
    image->is_packed = true;
}

/* Appends the archive after the prepended ramdisks. */
static bool write_archive(struct tree_building *building, struct ramdisk *ramdisk,
                          struct error *error)
{
    const struct tree_request *request = building->request;
    struct ramdisk_archive archive = {
        .compression = &request->compression,
        .crew = request->squashfs->crew,
        .directory = building->directory,
        .fill = fill_archive,
        .context = building,
        .arena = building->arena,
    };
    uint64_t offset;
    if (!ramdisk_archive_write(&archive, ramdisk, &offset, error))
        return false;
    struct tree_description *description = &building->result.description;
    if (!request->compression.is_on)
        return true;
    if (request->by_url) {
        set_packed(&description->layers, offset);
        return true;
    }
    for (size_t i = 0; i < description->image_count; i++)
        set_packed(&description->images[i], offset);
    return true;
}

static bool write_ramdisk(struct tree_building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    cleanup(own_close) int fd = -1;
    if (!tree_create(building, RAMDISK_NAME, 0644, &fd, error))
        return false;
    struct ramdisk ramdisk = { .fd = fd };
    return write_prepends(building, &ramdisk, error) &&
           check_memory_early(building, ramdisk.size_bytes, error) &&
           write_archive(building, &ramdisk, error) &&
           tree_seal_ramdisk(building, RAMDISK_NAME, fd, error) &&
           (!request->separate_store || tree_seal_images(building, error)) &&
           (!request->by_url || tree_layers_seal(building, error)) &&
           check_memory(building, building->result.ramdisk_bytes,
                        building->result.description.unpacked_bytes,
                        building->result.description.layer_bytes, error);
}

/* Gives a file a second name: a hard link or, if the file system has none, a symbolic link. */
static bool link_again(struct tree_building *building, const struct tree_file *file,
                       const char *name, struct error *error)
{
    int directory = building->directory;
    if (linkat(directory, file->name, directory, name, 0) < 0 &&
        symlinkat(file->name, directory, name) < 0)
        return error_errno(error, errno, "create %s", name);
    struct tree_file again = *file;
    again.name = name;
    tree_list(building, &again);
    return true;
}

/* Existing tools expect these names of the kernel and the ramdisk on every architecture. */
static bool link_old_names(struct tree_building *building, struct error *error)
{
    const struct tree_description *description = &building->result.description;
    return link_again(building, &description->ramdisks[0], RAMDISK_OLD_NAME, error) &&
           (strcmp(description->kernel.name, KERNEL_OLD_NAME) == 0 ||
            link_again(building, &description->kernel, KERNEL_OLD_NAME, error));
}

bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                struct arena *arena, struct tree_result *ret_result, struct error *error)
{
    const struct boot_spec *spec = request->spec;
    struct tree_building building = {
        .request = request,
        .directory = tree->fd,
        .arena = arena,
        .result.description = tree_describe(spec, request->store_dir, request->base_url, arena),
        .root = boot_root_of(spec->command_line),
    };
    if (!script_check_ipxe(&building.result.description, *arena, error) ||
        !tree_uki_check(&building, error) || !write_kernel(&building, error) ||
        !write_ramdisk(&building, error) || !tree_uki_write(&building, error) ||
        !link_old_names(&building, error) || !tree_write_scripts(&building, error) ||
        !tree_dtbs_write(&building, error) || !tree_write_menus(&building, error) ||
        !tree_write_description(&building, error) || !tree_write_sums(&building, error))
        return false;
    *ret_result = building.result;
    return true;
}
