/* command_squashfs.c — creates the store image of a closure, or several images. */
#include "builder/command_image.h"

#include "builder/image/split.h"
#include "builder/output/clock.h"
#include "builder/output/output.h"
#include "builder/output/report.h"

#include "schema/base/draft.h"
#include "schema/base/json.h"

#include "schema/base/own.h"

/* The images that were written. */
struct images {
    struct squashfs_result result;
    struct option_list names;
};

static bool write_whole(const struct split_request *request, struct arena *arena,
                        struct images *images, struct error *error)
{
    const struct output *output = request->output;
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    option_list_add(&images->names, output->name, arena);
    return draft_open(output->directory, output->name, &draft, error) &&
           squashfs_write(request->inventory, request->squashfs,
                          (struct squashfs_place){ draft.fd, 0 }, *arena, &images->result, error) &&
           draft_publish(&draft, 0644, error);
}

static bool write_images(const struct split_request *request, struct arena *arena,
                         struct images *images, struct error *error)
{
    return request->limit_bytes
               ? split_write(request, arena, &images->names, &images->result, error)
               : write_whole(request, arena, images, error);
}

static void note(const struct command *command, const struct image_summary *summary,
                 const struct option_list *names)
{
    bool is_quiet = command->settings->quiet;
    const struct image_source *source = summary->source;
    uint64_t size = summary->image->size_bytes;
    report_note(is_quiet, "%s: %.1f MiB, %.0f %% of %.1f MiB in %zu paths, %.1f s",
                command->settings->output, report_mebibytes(size),
                report_percent(size, source->inventory.file_bytes),
                report_mebibytes(source->inventory.file_bytes), source->closure.paths.count,
                summary->seconds);
    if (names->count > 1)
        report_note(is_quiet, "%zu images, lowest %s, topmost %s", names->count,
                    names->items[names->count - 1], names->items[0]);
    command_note_image(command, summary);
}

static bool print_json(const struct command *command, const struct image_summary *summary,
                       const struct option_list *names, struct error *error)
{
    cJSON *object = command_image_json(command, summary);
    cJSON *images = cJSON_AddArrayToObject(object, "images");
    for (size_t i = 0; i < names->count; i++)
        json_add_text(images, NULL, str_from(names->items[i]));
    return json_print(object, error);
}

bool command_squashfs(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    struct timespec start = clock_start();
    struct closure_request request = command_closure(command, &settings->arguments);
    struct squashfs_options squashfs = command_squashfs_options(command);
    struct images images = { .names = { 0 } };
    cleanup(input_files_release) struct input_files bases = INPUT_FILES_NONE;
    cleanup(output_release) struct output output = { .directory = -1 };
    struct reuse reuse = REUSE_NONE;
    cleanup(image_source_release) struct image_source source = IMAGE_SOURCE_NONE;
    if (!input_files_open(&settings->image.bases, command->arena, &bases, error) ||
        !output_open(settings->output, OUTPUT_FILE, command->arena, &output, error) ||
        (settings->image.max_size_bytes && !split_try_names(&output, *command->arena, error)))
        return false;
    struct image_options options = command_image_options(command, &bases);
    if (!image_source_take(&request, &options, command->arena, &source, error))
        return false;
    command_open_reuse(command, &reuse, &squashfs);
    struct split_request split = {
        .inventory = &source.inventory,
        .squashfs = &squashfs,
        .limit_bytes = settings->image.max_size_bytes,
        .store_dir = command->store->store_dir,
        .output = &output,
    };
    if (!write_images(&split, command->arena, &images, error))
        return false;
    struct image_summary summary = {
        .source = &source,
        .image = &images.result,
        .seconds = clock_seconds_since(&start),
        .with_reuse = squashfs.reuse,
    };
    note(command, &summary, &images.names);
    return !settings->json || print_json(command, &summary, &images.names, error);
}
