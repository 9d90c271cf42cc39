/* command_squashfs.c — creates the store image of a closure, or several images. */
#include "builder/command_image.h"

#include "builder/image/split.h"
#include "builder/output/output.h"
#include "builder/output/report.h"

#include "schema/base/clock.h"
#include "schema/base/counted.h"
#include "schema/base/json.h"
#include "schema/base/own.h"

/* Checks each name before the work. */
static bool try_names(const struct settings *settings, const struct output *output,
                      struct arena scratch, struct error *error)
{
    enum verity_place verity = settings->image.verity_place;
    return image_draft_try(output, verity, error) &&
           (!settings->image.max_size_bytes || split_try_names(output, verity, scratch, error));
}

static void note(const struct command *command, const struct image_summary *summary,
                 const struct split_result *result)
{
    const struct option_list *names = &result->names;
    bool is_quiet = command->settings->quiet;
    const struct image_source *source = summary->source;
    uint64_t size = summary->image->size_bytes;
    report_note(is_quiet, "%s: %.1f MiB, %.0f %% of %.1f MiB in %s, %.1f s",
                command->settings->output, report_mebibytes(size),
                report_percent(size, source->inventory.file_bytes),
                report_mebibytes(source->inventory.file_bytes),
                counted(source->closure.paths.count, "path").text, summary->seconds);
    if (names->count > 1)
        report_note(is_quiet, "%zu images, lowest %s, topmost %s", names->count,
                    names->items[names->count - 1], names->items[0]);
    if (command->settings->image.verity_place != VERITY_NONE)
        for (size_t i = 0; i < names->count; i++)
            report_note(is_quiet, "root hash of %s: %s", names->items[i],
                        hash_to_hex(&result->roots[i]).text);
    command_note_image(command, summary);
}

static bool print_json(const struct command *command, const struct image_summary *summary,
                       const struct split_result *result, struct error *error)
{
    cJSON *object = command_image_json(command, summary);
    cJSON *images = cJSON_AddArrayToObject(object, "images");
    for (size_t i = 0; i < result->names.count; i++)
        json_add_text(images, NULL, str_from(result->names.items[i]));
    if (command->settings->image.verity_place != VERITY_NONE) {
        cJSON *roots = cJSON_AddArrayToObject(object, "rootHashes");
        for (size_t i = 0; i < result->names.count; i++)
            json_add_text(roots, NULL, str_from(hash_to_hex(&result->roots[i]).text));
    }
    return json_print(object, error);
}

bool command_squashfs(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    struct timespec start = clock_start();
    struct closure_request request = command_closure(command, &settings->arguments);
    struct squashfs_options squashfs = command_squashfs_options(command);
    struct split_result result = { .roots = NULL };
    cleanup(input_files_release) struct input_files bases = INPUT_FILES_NONE;
    cleanup(output_release) struct output output = { .directory = -1 };
    struct reuse reuse = REUSE_NONE;
    cleanup(image_source_release) struct image_source source = IMAGE_SOURCE_NONE;
    if (!input_files_open(&settings->image.bases, command->arena, &bases, error) ||
        !output_open(settings->output, OUTPUT_FILE, command->arena, &output, error) ||
        !try_names(settings, &output, *command->arena, error))
        return false;
    struct image_options options = command_image_options(command, &bases);
    if (!image_source_take(&request, &options, command->arena, &source, error))
        return false;
    command_open_reuse(command, &reuse, &squashfs);
    struct split_request split = {
        .inventory = &source.inventory,
        .squashfs = &squashfs,
        .limit_bytes = settings->image.max_size_bytes,
        .verity = settings->image.verity_place,
        .store_dir = command->store->store_dir,
        .output = &output,
    };
    if (!split_write(&split, command->arena, &result, error))
        return false;
    struct image_summary summary = {
        .source = &source,
        .image = &result.sums,
        .seconds = clock_seconds_since(&start),
        .with_reuse = squashfs.reuse,
    };
    note(command, &summary, &result);
    return !settings->json || print_json(command, &summary, &result, error);
}
