#include "builder/tree/tree_uki.h"

#include "schema/base/own.h"

#include <fcntl.h>

/* A UKI of a tree by URL fetches the store from where firmware loaded it. */
static struct uki uki_of(const struct tree_building *building)
{
    const struct tree_description *description = &building->result.description;
    struct uki uki = *building->request->uki;
    struct str from = tree_from(description, "boot", building->arena);
    uki.command_line =
        arena_format(building->arena, "%.*s%.*s", STR_ARG(uki.command_line), STR_ARG(from));
    return uki;
}

/* Fails if the UKI is too large for firmware, or for the machine of --target-ram. */
static bool check_size(const struct tree_building *building, uint64_t ramdisk_bytes,
                       uint64_t *ret_size_bytes, struct error *error)
{
    uint64_t target = building->request->target_bytes;
    struct uki uki = uki_of(building);
    uint64_t size;
    if (!uki_measure(&uki, ramdisk_bytes, *building->arena, &size, error))
        return false;
    uint64_t needed = uki_memory_bytes(size);
    if (target > 0 && needed > target)
        return error_set(error,
                         "loading " TREE_UKI_NAME
                         " of %llu MiB takes about %llu MiB of memory, and "
                         "--target-ram is %llu MiB",
                         (unsigned long long)(size >> 20), (unsigned long long)(needed >> 20),
                         (unsigned long long)(target >> 20));
    *ret_size_bytes = size;
    return true;
}

bool tree_uki_check(struct tree_building *building, struct error *error)
{
    const struct tree_request *request = building->request;
    uint64_t prepend_bytes, base_bytes, size;
    return !request->uki ||
           (input_files_size(&request->prepends, &prepend_bytes, error) &&
            input_files_size(&request->bases, &base_bytes, error) &&
            check_size(building, prepend_bytes + (request->by_url ? 0 : base_bytes), &size, error));
}

/* Writes the file from the files of the ramdisk, in their order. */
static bool write_file(struct tree_building *building, int fd, struct error *error)
{
    const struct tree_description *description = &building->result.description;
    struct uki uki = uki_of(building);
    struct arena scratch = *building->arena;
    cleanup(input_files_release) struct input_files ramdisks = {
        .items = arena_new(&scratch, struct file, description->ramdisk_count),
    };
    for (size_t i = 0; i < description->ramdisk_count; i++) {
        const char *name = description->ramdisks[i].name;
        int ramdisk = file_open_regular(building->directory, name, O_RDONLY, 0, error);
        if (ramdisk < 0)
            return false;
        ramdisks.items[ramdisks.count++] = (struct file){ ramdisk, name };
    }
    return uki_write(&uki, &ramdisks, (struct file){ fd, TREE_UKI_NAME }, scratch, error);
}

static void warn_of_size(struct tree_building *building, uint64_t size_bytes)
{
    if (size_bytes > UKI_BYTES_WARNED)
        tree_warn(building,
                  arena_format(building->arena,
                               TREE_UKI_NAME " has %llu MiB; some firmware loads at most %d "
                                             "MiB, and the machine needs about %llu MiB of "
                                             "memory to load it",
                               (unsigned long long)(size_bytes >> 20), UKI_BYTES_WARNED >> 20,
                               (unsigned long long)(uki_memory_bytes(size_bytes) >> 20)));
}

bool tree_uki_write(struct tree_building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    uint64_t size;
    struct tree_description *description = &building->result.description;
    if (!building->request->uki)
        return true;
    if (!check_size(building, building->result.ramdisk_bytes, &size, error) ||
        !tree_create(building, TREE_UKI_NAME, 0644, &fd, error) ||
        !write_file(building, fd, error) ||
        !tree_seal(building, TREE_UKI_NAME, fd, &description->uki, error))
        return false;
    description->uki_memory_bytes = uki_memory_bytes(size);
    if (description->uki_memory_bytes < description->memory_bytes)
        description->uki_memory_bytes = description->memory_bytes;
    warn_of_size(building, size);
    return true;
}
