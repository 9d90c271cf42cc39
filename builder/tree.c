#include "builder/tree.h"

#include "builder/newc.h"
#include "builder/ramdisk.h"
#include "builder/ramdisk_archive.h"
#include "builder/script.h"
#include "builder/split.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RAMDISK_OLD_NAME "initrd.gz"

/* The kernel, two names of the ramdisk, three scripts, boot.json. */
enum { FIXED_FILES = 7 };

struct building {
    const struct tree_request *request;
    int directory;
    struct arena *arena;
    struct tree_file *files; /* all that SHA256SUMS lists */
    size_t file_count;
    size_t new_count; /* of the images: those that are no bases, which come first */
    struct tree_result result;
};

/* Creates a file of the tree. The draft's directory is ours alone, so it needs no draft itself. */
static bool create(const struct building *building, const char *name, mode_t mode, int *ret_fd,
                   struct error *error)
{
    cleanup(own_close) int fd =
        openat(building->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return error_errno(error, errno, "create %s", name);
    *ret_fd = own_take(&fd);
    return true;
}

/* Syncs a complete file and takes its size and digest; *ret_file may be null. */
static bool seal(struct building *building, const char *name, int fd, struct tree_file *ret_file,
                 struct error *error)
{
    struct tree_file *file = &building->files[building->file_count];
    if (fsync(fd) < 0)
        return error_errno(error, errno, "write %s to disk", name);
    if (!tree_file_read(fd, name, *building->arena, file, error))
        return false;
    building->file_count++;
    if (ret_file)
        *ret_file = *file;
    return true;
}

static bool seal_ramdisk(struct building *building, const char *name, int fd, struct error *error)
{
    struct tree_description *description = &building->result.description;
    struct tree_file *file = &description->ramdisks[description->ramdisk_count];
    if (!seal(building, name, fd, file, error))
        return false;
    description->ramdisk_count++;
    building->result.ramdisk_bytes += file->size_bytes;
    return true;
}

static bool check_kernel_name(const char *name, struct error *error)
{
    static const char *const taken[] = { RAMDISK_NAME,    RAMDISK_OLD_NAME,    TREE_IPXE_NAME,
                                         TREE_GRUB_NAME,  TREE_BOOT_JSON_NAME, TREE_KEXEC_NAME,
                                         OUTPUT_SUMS_NAME };
    bool is_taken = str_starts(str_from(name), STR("nix-store."));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        is_taken = is_taken || strcmp(name, taken[i]) == 0;
    return !is_taken || error_set(error, "the kernel cannot be called '%s' in a tree", name);
}

static bool write_kernel(struct building *building, struct error *error)
{
    const struct boot_spec *spec = building->request->spec;
    const char *name = spec->kernel_name.data;
    cleanup(own_close) int fd = -1;
    uint64_t size;
    if (!check_kernel_name(name, error) || !create(building, name, 0644, &fd, error))
        return false;
    return file_copy(spec->kernel, "the kernel", fd, name, 0, *building->arena, &size, error) &&
           seal(building, name, fd, &building->result.description.kernel, error);
}

/* --- Store images ------------------------------------------------------------------------------- */

/* Makes room for the images and for all files, once it is known how many there are. */
static struct tree_image *add_images(struct building *building, size_t new_count)
{
    struct tree_description *description = &building->result.description;
    building->new_count = new_count;
    description->image_count = new_count + building->request->bases.count;
    description->images = arena_new(building->arena, struct tree_image, description->image_count);
    for (size_t i = 0; i < description->image_count; i++)
        description->images[i] =
            (struct tree_image){ .name = ramdisk_store_name(building->arena, i),
                                 .file = RAMDISK_NAME };
    size_t piece_count = building->request->separate_store ? 2 * description->image_count : 0;
    struct tree_file *files =
        arena_new(building->arena, struct tree_file, FIXED_FILES + piece_count);
    memcpy(files, building->files, building->file_count * sizeof *files);
    building->files = files;
    description->ramdisks = arena_new(building->arena, struct tree_file, 1 + piece_count);
    return description->images;
}

static bool write_one_image(struct building *building, int fd, uint64_t offset, struct error *error)
{
    const struct tree_request *request = building->request;
    struct squashfs_options options = *request->squashfs;
    options.limit_bytes = NEWC_MEMBER_MAX;
    return squashfs_write(request->inventory, &options, fd, offset, *building->arena,
                          &building->result.image, error) ||
           error_in(error, "the store image (--max-size splits it)");
}

/* The new images as files of the tree, under the names that they have in a ramdisk. */
static bool write_image_files(struct building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    struct output output = { building->directory, RAMDISK_STORE_NAME };
    uint64_t limit = request->max_size_bytes;
    struct split_request split = {
        .inventory = request->inventory,
        .squashfs = request->squashfs,
        .limit_bytes = limit < NEWC_MEMBER_MAX ? limit : NEWC_MEMBER_MAX,
        .store_dir = request->store_dir,
        .output = &output,
    };
    struct option_list names = { 0 };
    if (limit) {
        if (!split_write(&split, building->arena, &names, &building->result.image, error))
            return false;
        add_images(building, names.count);
        return true;
    }
    cleanup(own_close) int fd = -1;
    add_images(building, 1);
    return create(building, RAMDISK_STORE_NAME, 0644, &fd, error) &&
           write_one_image(building, fd, 0, error);
}

/* Straight into its place. */
static bool add_one_image(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    struct tree_image *image = add_images(building, 1);
    struct ramdisk_member member = ramdisk_image(image->name);
    if (!ramdisk_begin(ramdisk, &member, &image->offset, error) ||
        !write_one_image(building, ramdisk->fd, image->offset, error))
        return false;
    image->size_bytes = building->result.image.size_bytes;
    return ramdisk_end(ramdisk, image->size_bytes, error);
}

static bool add_image(struct building *building, struct ramdisk *ramdisk, struct tree_image *image,
                      int fd, const char *name, struct error *error)
{
    if (!ramdisk_add_image(ramdisk, image->name, fd, name, *building->arena, &image->size_bytes,
                           error))
        return false;
    image->offset = ramdisk->data_offset;
    return true;
}

/* Several: how many there are and how large is known when they have been written. */
static bool add_split_images(struct building *building, struct ramdisk *ramdisk,
                             struct error *error)
{
    if (!write_image_files(building, error))
        return false;
    for (size_t i = 0; i < building->new_count; i++) {
        struct tree_image *image = &building->result.description.images[i];
        cleanup(own_close) int fd =
            openat(building->directory, image->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || unlinkat(building->directory, image->name, 0) < 0)
            return error_errno(error, errno, "open %s", image->name);
        if (!add_image(building, ramdisk, image, fd, image->name, error))
            return false;
    }
    return true;
}

static bool add_bases(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    struct tree_image *images = building->result.description.images + building->new_count;
    for (size_t i = 0; i < bases->count; i++)
        if (!add_image(building, ramdisk, &images[i], bases->fds[i], bases->names[i], error))
            return false;
    return true;
}

static bool write_base_files(struct building *building, struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    const struct tree_image *images = building->result.description.images + building->new_count;
    for (size_t i = 0; i < bases->count; i++) {
        cleanup(own_close) int fd = -1;
        uint64_t size;
        if (!create(building, images[i].name, 0644, &fd, error) ||
            !file_copy(bases->fds[i], bases->names[i], fd, images[i].name, 0, *building->arena,
                       &size, error))
            return false;
    }
    return true;
}

/* An image that is a file: its header, and what is known of it. */
static bool seal_image(struct building *building, size_t index, struct error *error)
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
    return create(building, header_name, 0644, &header, error) &&
           ramdisk_write_header(header, image->name, image->size_bytes, error) &&
           seal_ramdisk(building, header_name, header, error) &&
           seal_ramdisk(building, image->name, fd, error);
}

static bool write_separate_images(struct building *building, struct error *error)
{
    if (!write_base_files(building, error))
        return false;
    for (size_t i = 0; i < building->result.description.image_count; i++)
        if (!seal_image(building, i, error))
            return false;
    return true;
}

/* --- The ramdisk -------------------------------------------------------------------------------- */

static bool write_prepends(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct tree_request *request = building->request;
    const struct input_files *prepends = &request->prepends;
    uint64_t size;
    for (size_t i = 0; i < prepends->count; i++) {
        if (!ramdisk_prepend(ramdisk, prepends->fds[i], prepends->names[i], *building->arena, &size,
                             error))
            return false;
        building->result.description.unpacked_bytes += size * TREE_UNPACK_FACTOR;
    }
    return true;
}

static bool add_images_to_ramdisk(struct building *building, struct ramdisk *ramdisk,
                                  struct error *error)
{
    return (building->request->max_size_bytes ? add_split_images : add_one_image)(building, ramdisk,
                                                                                  error) &&
           add_bases(building, ramdisk, error);
}

uint64_t tree_memory_bytes(uint64_t ramdisk_bytes, uint64_t unpacked_bytes)
{
    uint64_t used = ramdisk_bytes + 2 * unpacked_bytes + TREE_WORKING_BYTES;
    return used + used / (TREE_RECORDS_PART - 1);
}

/* Does the machine have the memory? The kernel unpacks a ramdisk while it is still there, into a
 * tmpfs of half of what is left. */
static bool check_memory(struct building *building, uint64_t ramdisk_bytes, uint64_t unpacked_bytes,
                         struct error *error)
{
    uint64_t target = building->request->target_bytes;
    uint64_t needed = tree_memory_bytes(ramdisk_bytes, unpacked_bytes);
    building->result.description.memory_bytes = needed;
    if (target == 0 || needed <= target)
        return true;
    return error_set(
        error,
        "booting takes at least %llu MiB of memory (the ramdisk of %llu MiB, and twice "
        "what it unpacks to), and the machine has %llu",
        (unsigned long long)(needed >> 20), (unsigned long long)(ramdisk_bytes >> 20),
        (unsigned long long)(target >> 20));
}

/* With what is known before the new image is made. */
static bool check_memory_early(struct building *building, uint64_t ramdisk_bytes,
                               struct error *error)
{
    const struct input_files *bases = &building->request->bases;
    uint64_t base_bytes = 0;
    for (size_t i = 0; i < bases->count; i++) {
        struct stat status;
        if (fstat(bases->fds[i], &status) == 0)
            base_bytes += (uint64_t)status.st_size;
    }
    return check_memory(building, ramdisk_bytes + base_bytes,
                        building->result.description.unpacked_bytes + base_bytes, error);
}

static bool count_memory(struct building *building, struct error *error)
{
    struct tree_description *description = &building->result.description;
    for (size_t i = 0; i < description->image_count; i++)
        description->unpacked_bytes += description->images[i].size_bytes;
    return check_memory(building, building->result.ramdisk_bytes, description->unpacked_bytes,
                        error);
}

/* Extra files and images, or only the files where the images are separate. */
static bool fill_archive(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    uint64_t size;
    if (!ramdisk_files_write(building->request->extras, ramdisk, *building->arena, &size, error))
        return false;
    building->result.description.unpacked_bytes += size;
    return (building->request->separate_store ? write_image_files(building, error)
                                              : add_images_to_ramdisk(building, ramdisk, error)) &&
           ramdisk_finish(ramdisk, error);
}

static bool write_packed_archive(struct building *building, struct ramdisk *ramdisk,
                                 struct error *error)
{
    const struct tree_request *request = building->request;
    cleanup(own_close) int fd = -1;
    uint64_t offset;
    if (!ramdisk_archive_temporary(building->directory, &fd, error))
        return false;
    struct ramdisk archive = { .fd = fd };
    if (!fill_archive(building, &archive, error) ||
        !ramdisk_compress(&request->compression, request->squashfs->jobs, &archive, ramdisk,
                          *building->arena, &offset, error))
        return false;
    struct tree_description *description = &building->result.description;
    for (size_t i = 0; i < description->image_count; i++) {
        description->images[i].offset = offset;
        description->images[i].is_packed = true;
    }
    return true;
}

static bool write_ramdisk(struct building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    cleanup(own_close) int fd = -1;
    if (!create(building, RAMDISK_NAME, 0644, &fd, error))
        return false;
    struct ramdisk ramdisk = { .fd = fd };
    return write_prepends(building, &ramdisk, error) &&
           check_memory_early(building, ramdisk.size_bytes, error) &&
           (request->compression.is_on ? write_packed_archive : fill_archive)(building, &ramdisk,
                                                                              error) &&
           seal_ramdisk(building, RAMDISK_NAME, fd, error) &&
           (!request->separate_store || write_separate_images(building, error)) &&
           count_memory(building, error);
}

/* A second name for the ramdisk: a link to the same file, or where there are none a symbolic one.
 */
static bool link_ramdisk(struct building *building, struct error *error)
{
    int directory = building->directory;
    if (linkat(directory, RAMDISK_NAME, directory, RAMDISK_OLD_NAME, 0) < 0 &&
        symlinkat(RAMDISK_NAME, directory, RAMDISK_OLD_NAME) < 0)
        return error_errno(error, errno, "create " RAMDISK_OLD_NAME);
    struct tree_file *file = &building->files[building->file_count++];
    *file = building->result.description.ramdisks[0];
    file->name = RAMDISK_OLD_NAME;
    return true;
}

/* --- Texts -------------------------------------------------------------------------------------- */

enum script { IPXE, KEXEC, GRUB };

static bool write_script(struct building *building, enum script which, struct error *error)
{
    static const char *const names[] = { TREE_IPXE_NAME, TREE_KEXEC_NAME, TREE_GRUB_NAME };
    const struct tree_description *description = &building->result.description;
    const char *name = names[which];
    cleanup(own_close) int fd = -1;
    if (!create(building, name, which == KEXEC ? 0755 : 0644, &fd, error))
        return false;
    cleanup(own_close_file) FILE *stream = fdopen(dup(fd), "w");
    if (!stream)
        return error_errno(error, errno, "write %s", name);
    if (which == KEXEC)
        script_write_kexec(stream, description, *building->arena);
    else if (which == GRUB)
        script_write_grub(stream, description);
    else if (!script_write_ipxe(stream, description, *building->arena, error))
        return false;
    if (fflush(stream) != 0 || ferror(stream))
        return error_errno(error, errno, "write %s", name);
    return seal(building, name, fd, NULL, error);
}

static bool write_text(const struct building *building, const char *name, struct str text,
                       int *ret_fd, struct error *error)
{
    cleanup(own_close) int fd = -1;
    if (!create(building, name, 0644, &fd, error) ||
        !file_write(fd, name, text.data, text.len, error))
        return false;
    *ret_fd = own_take(&fd);
    return true;
}

static bool write_boot_json(struct building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    struct str text;
    if (!tree_description_format(&building->result.description, building->arena, &text, error))
        return error_in(error, "write " TREE_BOOT_JSON_NAME);
    return write_text(building, TREE_BOOT_JSON_NAME, text, &fd, error) &&
           seal(building, TREE_BOOT_JSON_NAME, fd, NULL, error);
}

static bool write_sums(struct building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    struct str text = { "", 0 };
    for (size_t i = 0; i < building->file_count; i++) {
        text = arena_format(building->arena, "%.*s%s  %s\n", STR_ARG(text),
                            hash_to_hex(&building->files[i].hash).text, building->files[i].name);
        option_list_add(&building->result.names, building->files[i].name, building->arena);
    }
    option_list_add(&building->result.names, OUTPUT_SUMS_NAME, building->arena);
    if (!write_text(building, OUTPUT_SUMS_NAME, text, &fd, error))
        return false;
    return fsync(fd) == 0 || error_errno(error, errno, "write " OUTPUT_SUMS_NAME " to disk");
}

bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                struct arena *arena, struct tree_result *ret_result, struct error *error)
{
    const struct boot_spec *spec = request->spec;
    struct building building = {
        .request = request,
        .directory = tree->fd,
        .arena = arena,
        .files = arena_new(arena, struct tree_file, FIXED_FILES),
        .result.description = tree_describe(spec, request->store_dir, request->base_url, arena),
        .result.has_grub = script_check_grub(spec->command_line),
    };
    if (!script_check_ipxe(&building.result.description, *arena, error) ||
        !write_kernel(&building, error) || !write_ramdisk(&building, error) ||
        !link_ramdisk(&building, error) || !write_script(&building, IPXE, error) ||
        !write_script(&building, KEXEC, error) ||
        (building.result.has_grub && !write_script(&building, GRUB, error)) ||
        !write_boot_json(&building, error) || !write_sums(&building, error))
        return false;
    *ret_result = building.result;
    return true;
}
