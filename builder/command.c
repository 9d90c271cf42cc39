/* command.c — the commands: which steps, in which order. */
#include "builder/command.h"

#include "builder/image/image.h"
#include "builder/image/split.h"
#include "builder/output/output.h"
#include "builder/output/report.h"
#include "builder/output/tarball.h"
#include "builder/ramdisk/ramdisk_archive.h"
#include "builder/tree/script.h"
#include "builder/tree/tree.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"
#include "schema/nix/store_link.h"
#include "schema/nix/store_path.h"

#include <time.h>

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* iPXE on BIOS machines puts what it loads below 4 GiB, where devices leave it about half. */
static void warn_if_large(uint64_t ramdisk_bytes)
{
    if (ramdisk_bytes >= (uint64_t)2 << 30)
        report_warning("the ramdisk has 2 GiB or more: iPXE on BIOS machines cannot load it");
}

/* The command line has one of the files at most. */
static struct path_source path_source(const struct settings *settings)
{
    if (settings->registration)
        return (struct path_source){ PATH_SOURCE_REGISTRATION, settings->registration };
    if (settings->graph)
        return (struct path_source){ PATH_SOURCE_GRAPH, settings->graph };
    if (settings->path_info)
        return (struct path_source){ PATH_SOURCE_PATH_INFO, settings->path_info };
    return (struct path_source){ PATH_SOURCE_DATABASE, NULL };
}

static struct closure_request closure_request(const struct command *command)
{
    return (struct closure_request){
        .store = &command->store,
        .source = path_source(&command->settings),
        .roots = &command->arguments,
        .added = &command->settings.added,
        .jobs = command->squashfs.jobs,
    };
}

static struct image_options image_options(const struct command *command)
{
    return (struct image_options){
        .content = { .check = !command->settings.no_check,
                     .jobs = command->squashfs.jobs,
                     .progress = command->squashfs.progress },
        .with_signatures = command->settings.signatures,
        .bases = &command->settings.bases,
    };
}

/* The options for the image, with the old image where there is one that is of use. */
static const struct squashfs_options *open_reuse(struct command *command, struct reuse *reuse)
{
    struct reuse_request request = {
        .path = command->settings.reuse,
        .compression = &command->squashfs.compression,
        .store_dir = command->store.store_dir,
        .jobs = command->squashfs.jobs,
    };
    struct error error;
    if (!request.path)
        return &command->squashfs;
    if (!reuse_open(&request, SQUASHFS_BLOCK_BYTES, command->arena, reuse, &error)) {
        report_warning("nothing is reused: %s", error.sentence);
        return &command->squashfs;
    }
    if (reuse->damaged > 0)
        report_warning("%s is damaged: %zu of its blocks cannot be reused", request.path,
                       reuse->damaged);
    command->squashfs.reuse = reuse;
    return &command->squashfs;
}

/* What a build made, for programs to read. */
static cJSON *summary_json(const struct command *command, const struct image_source *source,
                           const struct squashfs_result *image, double seconds)
{
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "output", str_from(command->settings.output));
    cJSON_AddNumberToObject(object, "paths", (double)source->closure.paths.count);
    cJSON_AddNumberToObject(object, "pathsBelow", (double)source->held_count);
    cJSON_AddNumberToObject(object, "files", (double)source->inventory.file_count);
    cJSON_AddNumberToObject(object, "fileBytes", (double)source->inventory.file_bytes);
    cJSON_AddNumberToObject(object, "storedBytes", (double)image->data_bytes);
    cJSON_AddNumberToObject(object, "reusedBytes", (double)image->reused_bytes);
    cJSON_AddNumberToObject(object, "imageBytes", (double)image->size_bytes);
    cJSON_AddNumberToObject(object, "seconds", seconds);
    return object;
}

static void say_held(const struct command *command, const struct image_source *source)
{
    if (command->settings.bases.count > 0)
        report_note(command, "%zu of %zu paths are in the images below", source->held_count,
                    source->closure.paths.count);
}

static void say_reused(const struct command *command, const struct squashfs_result *result)
{
    if (command->squashfs.reuse)
        report_note(command, "%.1f MiB of %.1f MiB were taken over compressed",
                    report_mebibytes(result->reused_bytes), report_mebibytes(result->data_bytes));
}

/* The system that was named, or the specialisation of it, which then stands in its place. */
static bool find_system(struct command *command, struct str *ret_toplevel, struct error *error)
{
    const char *name = command->settings.specialisation;
    struct str toplevel;
    if (!store_link_resolve(&command->store, command->arguments.items[0], command->arena, &toplevel,
                            error) ||
        (name && !boot_spec_find_specialisation(&command->store, toplevel, name, command->arena,
                                                &toplevel, error)))
        return false;
    command->arguments.items[0] =
        store_path_format(command->arena, command->store.store_dir, toplevel).data;
    *ret_toplevel = toplevel;
    return true;
}

static bool read_spec(struct command *command, struct boot_spec *ret_spec, struct error *error)
{
    struct boot_spec_override override = {
        .kernel = command->settings.kernel,
        .params = command->settings.params,
        .init = command->settings.init,
        .without_initrd = command->settings.prepends.count > 0,
    };
    struct str toplevel;
    return find_system(command, &toplevel, error) &&
           boot_spec_read(&command->store, toplevel, &override, command->arena, ret_spec, error);
}

bool command_manifest(struct command *command, struct error *error)
{
    struct closure closure;
    struct closure_request request = closure_request(command);
    if (!closure_find(&request, command->arena, &closure, error))
        return false;
    manifest_write(stdout, &closure.paths, command->store.store_dir);
    return true;
}

/* Several images. */
static bool write_split(struct command *command, const struct output *output,
                        const struct image_source *source, const struct squashfs_options *squashfs,
                        struct squashfs_result *ret_result, struct option_list *ret_names,
                        struct error *error)
{
    struct split_request request = {
        .inventory = &source->inventory,
        .squashfs = squashfs,
        .limit_bytes = command->max_size_bytes,
        .store_dir = command->store.store_dir,
        .output = output,
    };
    return split_write(&request, command->arena, ret_names, ret_result, error);
}

/* One. */
static bool write_whole(struct command *command, const struct output *output,
                        const struct image_source *source, const struct squashfs_options *squashfs,
                        struct squashfs_result *ret_result, struct option_list *ret_names,
                        struct error *error)
{
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    option_list_add(ret_names, output->name, command->arena);
    return draft_open(output->directory, output->name, &draft, error) &&
           squashfs_write(&source->inventory, squashfs, draft.fd, 0, *command->arena, ret_result,
                          error) &&
           draft_publish(&draft, 0644, error);
}

bool command_squashfs(struct command *command, struct error *error)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const char *path = command->settings.output;
    struct closure_request request = closure_request(command);
    struct image_options options = image_options(command);
    struct squashfs_result result;
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(reuse_close) struct reuse reuse = REUSE_NONE;
    cleanup(image_release) struct image_source source = IMAGE_SOURCE_NONE;
    struct option_list names = { 0 };
    if (!output_open(path, command->arena, &output, error) ||
        !image_prepare(&request, &options, command->arena, &source, error) ||
        !(command->max_size_bytes ? write_split : write_whole)(
            command, &output, &source, open_reuse(command, &reuse), &result, &names, error))
        return false;
    report_note(command, "%s: %.1f MiB, %.0f %% of %.1f MiB in %zu paths, %.1f s", path,
                report_mebibytes(result.size_bytes),
                report_percent(result.size_bytes, source.inventory.file_bytes),
                report_mebibytes(source.inventory.file_bytes), source.closure.paths.count,
                seconds_since(&start));
    if (names.count > 1)
        report_note(command, "in %zu images, from %s up to %s", names.count,
                    names.items[names.count - 1], names.items[0]);
    say_held(command, &source);
    say_reused(command, &result);
    if (!command->settings.json)
        return true;
    cJSON *object = summary_json(command, &source, &result, seconds_since(&start));
    cJSON *images = cJSON_AddArrayToObject(object, "images");
    for (size_t i = 0; i < names.count; i++)
        json_add_text(images, NULL, str_from(names.items[i]));
    return json_print(object, error);
}

/* Prepended ramdisks, extra files, store images. */
struct ramdisk_parts {
    struct input_files prepends, stores;
    struct ramdisk_files extras;
};

static void ramdisk_parts_release(const struct ramdisk_parts *parts)
{
    input_files_release(&parts->prepends);
    input_files_release(&parts->stores);
    ramdisk_files_release(&parts->extras);
}

static bool ramdisk_parts_open(const struct command *command, const struct option_list *stores,
                               struct ramdisk_parts *parts, struct error *error)
{
    const struct settings *settings = &command->settings;
    parts->extras = command->files;
    return input_files_open(&settings->prepends, command->arena, &parts->prepends, error) &&
           input_files_open(stores, command->arena, &parts->stores, error) &&
           input_files_check_members(&parts->stores, error) &&
           ramdisk_files_open(&parts->extras, error);
}

/* What `fill_archive` needs. */
struct filling {
    const struct ramdisk_parts *parts;
    struct arena *arena;
};

static bool fill_archive(void *context, struct ramdisk *ramdisk, struct error *error)
{
    const struct filling *filling = context;
    const struct input_files *stores = &filling->parts->stores;
    struct arena *arena = filling->arena;
    uint64_t size;
    if (!ramdisk_files_write(&filling->parts->extras, ramdisk, *arena, &size, error))
        return false;
    for (size_t i = 0; i < stores->count; i++)
        if (!ramdisk_add_image(ramdisk, ramdisk_store_name(arena, i), stores->fds[i],
                               stores->names[i], *arena, &size, error))
            return false;
    return ramdisk_finish(ramdisk, error);
}

static bool write_ramdisk(struct command *command, const struct ramdisk_parts *parts, int directory,
                          struct ramdisk *ramdisk, struct error *error)
{
    const struct input_files *prepends = &parts->prepends;
    struct ramdisk_archive archive = {
        .compression = &command->compressor,
        .jobs = command->squashfs.jobs,
        .directory = directory,
        .fill = fill_archive,
        .context = &(struct filling){ parts, command->arena },
        .arena = command->arena,
    };
    uint64_t ignored;
    for (size_t i = 0; i < prepends->count; i++)
        if (!ramdisk_prepend(ramdisk, prepends->fds[i], prepends->names[i], *command->arena,
                             &ignored, error))
            return false;
    return ramdisk_archive_write(&archive, ramdisk, &ignored, error);
}

bool command_ramdisk(struct command *command, struct error *error)
{
    const char *path = command->settings.output;
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    cleanup(ramdisk_parts_release) struct ramdisk_parts parts = { .prepends = INPUT_FILES_NONE };
    if (!ramdisk_parts_open(command, &command->settings.stores, &parts, error) ||
        !output_open(path, command->arena, &output, error) ||
        !draft_open(output.directory, output.name, &draft, error))
        return false;
    struct ramdisk ramdisk = { .fd = draft.fd };
    if (!write_ramdisk(command, &parts, output.directory, &ramdisk, error) ||
        !draft_publish(&draft, 0644, error))
        return false;
    report_note(command, "%s: %.1f MiB", path, report_mebibytes(ramdisk.size_bytes));
    warn_if_large(ramdisk.size_bytes);
    return true;
}

/* What a script is made of where there is no tree. */
static bool describe(struct command *command, struct tree_description *ret_description,
                     struct error *error)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    if (!read_spec(command, &spec, error))
        return false;
    *ret_description =
        tree_describe(&spec, command->store.store_dir, command->settings.base_url, command->arena);
    ret_description->ramdisks = arena_new(command->arena, struct tree_file, 1);
    ret_description->ramdisks[0].name = RAMDISK_NAME;
    ret_description->ramdisk_count = 1;
    return true;
}

bool command_ipxe(struct command *command, struct error *error)
{
    struct tree_description description;
    return describe(command, &description, error) &&
           script_write_ipxe(stdout, &description, *command->arena, error);
}

bool command_kexec(struct command *command, struct error *error)
{
    struct tree_description description;
    if (!describe(command, &description, error))
        return false;
    /* Which ramdisk it will meet is not known here, so only its packed size can be checked. */
    script_write_kexec(stdout, &description, *command->arena);
    return true;
}

static void say_tree(const struct command *command, const struct image_source *source,
                     const struct tree_result *result, double seconds)
{
    report_note(
        command,
        "%s: ramdisk of %.1f MiB, %.1f MiB of it store image (%.0f %% of %.1f MiB in %zu paths), "
        "%.1f s; needs about %.0f MiB of memory to boot",
        command->settings.output, report_mebibytes(result->ramdisk_bytes),
        report_mebibytes(result->image.size_bytes),
        report_percent(result->image.size_bytes, source->inventory.file_bytes),
        report_mebibytes(source->inventory.file_bytes), source->closure.paths.count, seconds,
        report_mebibytes(result->description.memory_bytes));
    warn_if_large(result->ramdisk_bytes);
    if (!result->has_grub)
        report_warning("no grub.cfg: GRUB would change the kernel parameters");
    say_held(command, source);
    say_reused(command, &result->image);
}

/* The tree is published first: a tarball of it is then there too, or the former one is. */
static bool publish(const struct tree_result *result, struct output_tree *tree,
                    struct tarball *tarball, struct error *error)
{
    return tarball_write(tarball, tree->fd, &result->names, error) &&
           output_tree_publish(tree, error) && tarball_publish(tarball, error);
}

bool command_tree(struct command *command, struct error *error)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const struct settings *settings = &command->settings;
    static const char *const own_initrd[] = { "the system's initrd" };
    struct closure_request closure = closure_request(command);
    struct image_options options = image_options(command);
    struct tree_result result;
    cleanup(reuse_close) struct reuse reuse = REUSE_NONE;
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    cleanup(ramdisk_parts_release) struct ramdisk_parts parts = { .prepends = INPUT_FILES_NONE };
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
    cleanup(image_release) struct image_source source = IMAGE_SOURCE_NONE;
    if (!read_spec(command, &spec, error) ||
        !ramdisk_parts_open(command, &settings->bases, &parts, error) ||
        !output_open(settings->output, command->arena, &output, error) ||
        !output_tree_open(&output, TREE_BOOT_JSON_NAME, *command->arena, &tree, error) ||
        (settings->tarball &&
         !tarball_open(settings->tarball, &output, command->arena, &tarball, error)) ||
        !image_prepare(&closure, &options, command->arena, &source, error))
        return false;
    struct tree_request request = {
        .spec = &spec,
        .inventory = &source.inventory,
        .squashfs = open_reuse(command, &reuse),
        .store_dir = command->store.store_dir,
        .prepends = parts.prepends.count ? parts.prepends
                                         : (struct input_files){ own_initrd, &spec.initrd, 1 },
        .bases = parts.stores,
        .extras = &parts.extras,
        .base_url = settings->base_url,
        .max_size_bytes = command->max_size_bytes,
        .target_bytes = command->target_bytes,
        .compression = command->compressor,
        .separate_store = settings->separate_store,
    };
    if (!tree_write(&request, &tree, command->arena, &result, error) ||
        !publish(&result, &tree, &tarball, error))
        return false;
    say_tree(command, &source, &result, seconds_since(&start));
    if (!settings->json)
        return true;
    cJSON *object = summary_json(command, &source, &result.image, seconds_since(&start));
    cJSON_AddNumberToObject(object, "ramdiskBytes", (double)result.ramdisk_bytes);
    cJSON_AddNumberToObject(object, "memoryAtBoot", (double)result.description.memory_bytes);
    return json_print(object, error);
}
