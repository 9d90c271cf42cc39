#include "builder/tree.h"

#include "builder/newc.h"
#include "builder/ramdisk.h"
#include "builder/script.h"
#include "schema/base/own.h"
#include "schema/digest.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define RAMDISK_OLD_NAME "initrd.gz"

/* A file of the tree. */
struct entry {
    const char *name;
    struct hash hash;
    uint64_t size_bytes;
};

enum { KERNEL, RAMDISK, RAMDISK_OLD, IPXE, KEXEC, BOOT_JSON, ENTRY_COUNT };

/* A store image in the ramdisk. */
struct layer {
    const char *name;
    uint64_t offset, size_bytes;
};

struct building {
    const struct tree_request *request;
    int directory;
    struct arena *arena;
    struct entry entries[ENTRY_COUNT];
    struct layer *layers; /* the new image, then those below it */
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

/* Syncs a complete file and takes its size and digest. */
static bool seal(struct building *building, int which, const char *name, int fd,
                 struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    struct arena scratch = *building->arena;
    char *buffer = arena_room(&scratch, BUFFER_BYTES);
    uint64_t size = 0;
    cleanup(digest_release) struct digest digest = digest_start();
    if (fsync(fd) < 0)
        return error_errno(error, errno, "write %s to disk", name);
    for (;;) {
        ssize_t got = pread(fd, buffer, BUFFER_BYTES, (off_t)size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "read %s", name);
        if (got == 0)
            break;
        digest_add(&digest, buffer, (size_t)got);
        size += (uint64_t)got;
    }
    building->entries[which] = (struct entry){ name, digest_finish(&digest), size };
    return true;
}

static bool write_kernel(struct building *building, struct error *error)
{
    const struct boot_spec *spec = building->request->spec;
    const char *name = spec->kernel_name.data;
    static const char *const taken[] = { RAMDISK_NAME,    RAMDISK_OLD_NAME,    TREE_IPXE_NAME,
                                         TREE_KEXEC_NAME, TREE_BOOT_JSON_NAME, OUTPUT_SUMS_NAME };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return error_set(error, "the kernel cannot be called '%s' in a tree", name);
    cleanup(own_close) int fd = -1;
    uint64_t size;
    if (!create(building, name, 0644, &fd, error))
        return false;
    return file_copy(spec->kernel, "the kernel", fd, name, 0, *building->arena, &size, error) &&
           seal(building, KERNEL, name, fd, error);
}

static bool write_prepends(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct tree_request *request = building->request;
    for (size_t i = 0; i < request->prepend_count; i++) {
        uint64_t size;
        if (!ramdisk_prepend(ramdisk, request->prepends[i], request->prepend_names[i],
                             *building->arena, &size, error))
            return false;
        building->result.unpacked_bytes += size * TREE_UNPACK_FACTOR;
    }
    return true;
}

/* The new image, straight into its place. */
static bool write_image(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    struct layer *layer = &building->layers[0];
    struct squashfs_result *image = &building->result.image;
    struct squashfs_options options = *building->request->squashfs;
    options.limit_bytes = NEWC_MEMBER_MAX;
    layer->name = ramdisk_store_name(building->arena, 0);
    if (!ramdisk_begin(ramdisk, layer->name, &layer->offset, error) ||
        !squashfs_write(building->request->inventory, &options, ramdisk->fd, layer->offset,
                        *building->arena, image, error))
        return false;
    layer->size_bytes = image->size_bytes;
    return ramdisk_end(ramdisk, image->size_bytes, error);
}

static bool write_bases(struct building *building, struct ramdisk *ramdisk, struct error *error)
{
    const struct tree_request *request = building->request;
    for (size_t i = 0; i < request->base_count; i++) {
        struct layer *layer = &building->layers[i + 1];
        layer->name = ramdisk_store_name(building->arena, i + 1);
        if (!ramdisk_add(ramdisk, layer->name, request->bases[i], request->base_names[i],
                         *building->arena, &layer->size_bytes, error))
            return false;
        layer->offset = ramdisk->data_offset;
    }
    return true;
}

static bool write_ramdisk(struct building *building, struct error *error)
{
    struct tree_result *result = &building->result;
    cleanup(own_close) int fd = -1;
    if (!create(building, RAMDISK_NAME, 0644, &fd, error))
        return false;
    struct ramdisk ramdisk = { .fd = fd };
    if (!write_prepends(building, &ramdisk, error) || !write_image(building, &ramdisk, error) ||
        !write_bases(building, &ramdisk, error) || !ramdisk_finish(&ramdisk, error) ||
        !seal(building, RAMDISK, RAMDISK_NAME, fd, error))
        return false;
    result->ramdisk_bytes = ramdisk.size_bytes;
    for (size_t i = 0; i <= building->request->base_count; i++)
        result->unpacked_bytes += building->layers[i].size_bytes;
    result->memory_bytes = result->ramdisk_bytes + 2 * result->unpacked_bytes + TREE_WORKING_BYTES;
    return true;
}

/* A second name for the ramdisk: a link to the same file, or where there are none a symbolic one.
 */
static bool link_ramdisk(struct building *building, struct error *error)
{
    int directory = building->directory;
    if (linkat(directory, RAMDISK_NAME, directory, RAMDISK_OLD_NAME, 0) < 0 &&
        symlinkat(RAMDISK_NAME, directory, RAMDISK_OLD_NAME) < 0)
        return error_errno(error, errno, "create " RAMDISK_OLD_NAME);
    building->entries[RAMDISK_OLD] = building->entries[RAMDISK];
    building->entries[RAMDISK_OLD].name = RAMDISK_OLD_NAME;
    return true;
}

static bool write_script(struct building *building, int which, struct error *error)
{
    const struct boot_spec *spec = building->request->spec;
    const char *name = which == IPXE ? TREE_IPXE_NAME : TREE_KEXEC_NAME;
    const char *kernel = spec->kernel_name.data;
    cleanup(own_close) int fd = -1;
    if (!create(building, name, which == IPXE ? 0644 : 0755, &fd, error))
        return false;
    cleanup(own_close_file) FILE *stream = fdopen(dup(fd), "w");
    if (!stream)
        return error_errno(error, errno, "write %s", name);
    if (which == KEXEC)
        script_write_kexec(stream, spec, kernel, RAMDISK_NAME,
                           building->result.unpacked_bytes / 1024);
    else if (!script_write_ipxe(stream, spec, kernel, RAMDISK_NAME, error))
        return false;
    if (fflush(stream) != 0 || ferror(stream))
        return error_errno(error, errno, "write %s", name);
    return seal(building, which, name, fd, error);
}

static void add_text(cJSON *object, const char *key, struct str text, struct arena scratch)
{
    cJSON_AddStringToObject(object, key, arena_copy(&scratch, text).data);
}

static cJSON *entry_json(const struct entry *entry)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", entry->name);
    cJSON_AddNumberToObject(object, "size", (double)entry->size_bytes);
    cJSON_AddStringToObject(object, "sha256", hash_to_hex(&entry->hash).text);
    return object;
}

static cJSON *boot_json(const struct building *building)
{
    const struct boot_spec *spec = building->request->spec;
    const struct tree_result *result = &building->result;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddStringToObject(object, "toplevel", building->request->toplevel);
    add_text(object, "init", spec->init, *building->arena);
    add_text(object, "kernelParams", spec->params, *building->arena);
    add_text(object, "commandLine", spec->command_line, *building->arena);
    cJSON_AddItemToObject(object, "kernel", entry_json(&building->entries[KERNEL]));
    cJSON *ramdisk = entry_json(&building->entries[RAMDISK]);
    cJSON_AddItemToObject(object, "initrd", ramdisk);
    cJSON *images = cJSON_AddArrayToObject(ramdisk, "storeImages");
    for (size_t i = 0; i <= building->request->base_count; i++) {
        cJSON *image = cJSON_CreateObject();
        cJSON_AddItemToArray(images, image);
        cJSON_AddStringToObject(image, "name", building->layers[i].name);
        cJSON_AddNumberToObject(image, "offset", (double)building->layers[i].offset);
        cJSON_AddNumberToObject(image, "size", (double)building->layers[i].size_bytes);
    }
    cJSON_AddNumberToObject(object, "memoryAtBoot", (double)result->memory_bytes);
    return object;
}

static bool write_small(const struct building *building, const char *name, struct str text,
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
    cJSON *object = boot_json(building);
    char *text = cJSON_Print(object);
    cJSON_Delete(object);
    struct str content = arena_format(building->arena, "%s\n", text ? text : "");
    bool printed = text != NULL;
    cJSON_free(text);
    if (!printed)
        return error_set(error, "write " TREE_BOOT_JSON_NAME ": out of memory");
    return write_small(building, TREE_BOOT_JSON_NAME, content, &fd, error) &&
           seal(building, BOOT_JSON, TREE_BOOT_JSON_NAME, fd, error);
}

static bool write_sums(const struct building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    struct str text = { "", 0 };
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        text =
            arena_format(building->arena, "%.*s%s  %s\n", STR_ARG(text),
                         hash_to_hex(&building->entries[i].hash).text, building->entries[i].name);
    if (!write_small(building, OUTPUT_SUMS_NAME, text, &fd, error))
        return false;
    return fsync(fd) == 0 || error_errno(error, errno, "write " OUTPUT_SUMS_NAME " to disk");
}

bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                struct arena *arena, struct tree_result *ret_result, struct error *error)
{
    struct building building = {
        .request = request,
        .directory = tree->fd,
        .arena = arena,
        .layers = arena_new(arena, struct layer, request->base_count + 1),
    };
    if (!script_check_ipxe(request->spec, error) || !write_kernel(&building, error) ||
        !write_ramdisk(&building, error) || !link_ramdisk(&building, error) ||
        !write_script(&building, IPXE, error) || !write_script(&building, KEXEC, error) ||
        !write_boot_json(&building, error) || !write_sums(&building, error))
        return false;
    *ret_result = building.result;
    return true;
}
