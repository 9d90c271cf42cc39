/* command_tree.c — creates a tree: the directory of all files from which a machine boots. */
#include "builder/command_image.h"

#include "builder/output/output_tree.h"
#include "builder/output/report.h"
#include "builder/output/tarball.h"
#include "builder/ramdisk/ramdisk_inputs.h"
#include "builder/tree/tree_dtbs.h"
#include "builder/uki/uki_inputs.h"

#include "schema/base/clock.h"
#include "schema/base/counted.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/store_path.h"

struct places {
    struct output output;
    struct output_tree tree;
    struct tarball tarball;
};

static void places_release(struct places *places)
{
    tarball_release(&places->tarball);
    output_tree_release(&places->tree);
    output_release(&places->output);
}

static bool places_open(const struct command *command, struct places *places, struct error *error)
{
    const char *tarball = command->settings->tree.tarball;
    struct arena *arena = command->arena;
    return output_open(command->settings->output, OUTPUT_DIRECTORY, arena, &places->output,
                       error) &&
           output_tree_open(&places->output, TREE_BOOT_JSON_NAME, *arena, &places->tree, error) &&
           (!tarball || tarball_open(tarball, &places->output, arena, &places->tarball, error));
}

/* The former tarball is removed first, so that a tree is never next to the tarball of another
 * tree. */
static bool publish(const struct tree_result *result, struct places *places, struct arena scratch,
                    struct error *error)
{
    return tarball_write(&places->tarball, places->tree.fd, &result->names, error) &&
           tarball_withdraw(&places->tarball, error) &&
           output_tree_publish(&places->tree, scratch, error) &&
           tarball_publish(&places->tarball, error);
}

/* The root of the closure is the system that was found. The argument may be a link to it, or may
 * have it as a specialisation. */
static bool find_source(const struct command *command, struct str toplevel,
                        const struct input_files *bases, struct image_source *ret_source,
                        struct error *error)
{
    struct option_list roots = { 0 };
    struct str path = store_path_format(command->arena, command->store->store_dir, toplevel);
    option_list_add(&roots, path.data, command->arena);
    struct closure_request request = command_closure(command, &roots);
    struct image_options options = command_image_options(command, bases);
    return image_source_take(&request, &options, command->arena, ret_source, error);
}

/* The ramdisk has no images, but their root hashes. */
static void note_by_url(const struct command *command, const struct image_summary *summary,
                        const struct tree_result *result)
{
    const struct tree_description *description = &result->description;
    bool is_quiet = command->settings->quiet;
    report_note(is_quiet,
                "%s: ramdisk of %.1f MiB, and %.1f MiB to be fetched by URL (%s), %.1f s; "
                "needs about %.0f MiB of memory to boot",
                command->settings->output, report_mebibytes(result->ramdisk_bytes),
                report_mebibytes(description->layer_bytes),
                counted(summary->source->closure.paths.count, "path").text, summary->seconds,
                report_mebibytes(description->memory_bytes));
    for (size_t i = 0; i < description->image_count; i++)
        report_note(is_quiet, "root hash of %s: %s", description->images[i].name,
                    hash_to_hex(&description->images[i].root).text);
}

static void note_tree(const struct command *command, const struct image_summary *summary,
                      const struct tree_result *result)
{
    const struct image_source *source = summary->source;
    report_note(command->settings->quiet,
                "%s: ramdisk of %.1f MiB, %.1f MiB of it store image (%.0f %% of %.1f MiB in %s), "
                "%.1f s; needs about %.0f MiB of memory to boot",
                command->settings->output, report_mebibytes(result->ramdisk_bytes),
                report_mebibytes(result->image.size_bytes),
                report_percent(result->image.size_bytes, source->inventory.file_bytes),
                report_mebibytes(source->inventory.file_bytes),
                counted(source->closure.paths.count, "path").text, summary->seconds,
                report_mebibytes(result->description.memory_bytes));
}

static void note(const struct command *command, const struct image_summary *summary,
                 const struct tree_result *result)
{
    (tree_is_by_url(&result->description) ? note_by_url : note_tree)(command, summary, result);
    command_warn_large(result->ramdisk_bytes);
    for (size_t i = 0; i < result->warnings.count; i++)
        report_warning("%s", result->warnings.items[i]);
    command_note_image(command, summary);
}

static void add_layers(cJSON *object, const struct tree_description *description)
{
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < description->image_count; i++) {
        const struct tree_image *image = &description->images[i];
        cJSON *layer = cJSON_CreateObject();
        json_add_text(layer, "name", str_from(image->name));
        json_add_text(layer, "file", str_from(image->file));
        cJSON_AddNumberToObject(layer, "size", (double)image->size_bytes);
        json_add_text(layer, "rootHash", str_from(hash_to_hex(&image->root).text));
        cJSON_AddItemToArray(layers, layer);
    }
}

static bool print_json(const struct command *command, const struct image_summary *summary,
                       const struct tree_result *result, struct error *error)
{
    cJSON *object = command_image_json(command, summary);
    cJSON_AddNumberToObject(object, "ramdiskBytes", (double)result->ramdisk_bytes);
    cJSON_AddNumberToObject(object, "memoryAtBoot", (double)result->description.memory_bytes);
    if (tree_is_by_url(&result->description))
        add_layers(object, &result->description);
    return json_print(object, error);
}

bool command_tree(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    const struct ramdisk_settings *given = &settings->ramdisk;
    struct timespec start = clock_start();
    struct squashfs_options squashfs = command_squashfs_options(command);
    struct tree_result result;
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = given->extras };
    cleanup(
        places_release) struct places places = { { .directory = -1 }, { .fd = -1 }, TARBALL_NONE };
    cleanup(image_source_release) struct image_source source = IMAGE_SOURCE_NONE;
    struct reuse reuse = REUSE_NONE;
    struct uki uki;
    struct tree_dtbs dtbs = { 0 };
    if (!command_read_system(command, &spec, error) ||
        (settings->tree.uki && !uki_inputs_read(command->store, &spec, settings->tree.stub,
                                                command->arena, &uki, error)) ||
        (settings->tree.dtb && !tree_dtbs_find(command->store, spec.toplevel, settings->tree.dtb,
                                               command->arena, &dtbs, error)) ||
        !ramdisk_inputs_open(&given->prepends, &settings->image.bases, command->arena, &inputs,
                             error) ||
        !places_open(command, &places, error) ||
        !find_source(command, spec.toplevel, &inputs.images, &source, error))
        return false;
    command_open_reuse(command, &reuse, &squashfs);
    struct file own_initrd = { spec.initrd, "the system's initrd" };
    struct tree_request request = {
        .spec = &spec,
        .inventory = &source.inventory,
        .squashfs = &squashfs,
        .store_dir = command->store->store_dir,
        .prepends =
            inputs.prepends.count ? inputs.prepends : (struct input_files){ &own_initrd, 1 },
        .bases = inputs.images,
        .extras = &inputs.extras,
        .base_url = settings->boot.base_url,
        .max_size_bytes = settings->image.max_size_bytes,
        .target_bytes = settings->tree.target_bytes,
        .compression = given->method,
        .separate_store = settings->tree.separate_store,
        .dtbs = dtbs,
        .by_url = settings->tree.by_url,
        .uki = settings->tree.uki ? &uki : NULL,
    };
    if (!tree_write(&request, &places.tree, command->arena, &result, error) ||
        !publish(&result, &places, *command->arena, error))
        return false;
    struct image_summary summary = {
        .source = &source,
        .image = &result.image,
        .seconds = clock_seconds_since(&start),
        .with_reuse = squashfs.reuse,
    };
    note(command, &summary, &result);
    return !settings->json || print_json(command, &summary, &result, error);
}
