#include "builder/command_image.h"

#include "builder/output/report.h"
#include "builder/tree/tree_place.h"

#include "schema/base/json.h"

struct image_options command_image_options(const struct command *command,
                                           const struct input_files *bases)
{
    const struct image_settings *settings = &command->settings->image;
    return (struct image_options){
        .content = { .check = !settings->no_check,
                     .crew = command->crew,
                     .progress = command->progress },
        .with_signatures = settings->signatures,
        .is_lower = settings->is_lower,
        .bases = *bases,
    };
}

struct squashfs_options command_squashfs_options(const struct command *command)
{
    return (struct squashfs_options){
        .compression = command->settings->image.method,
        .crew = command->crew,
        .progress = command->progress,
    };
}

void command_open_reuse(const struct command *command, struct reuse *reuse,
                        struct squashfs_options *options)
{
    const char *path = command->settings->image.reuse;
    struct reuse_request request = {
        .compression = &options->compression,
        .store_dir = command->store->store_dir,
        .crew = command->crew,
    };
    struct error error;
    if (!path)
        return;
    /* The image stays open until the program exits. */
    if (!tree_place_find(path, command->arena, &request.place, &error) ||
        !reuse_open(&request, SQUASHFS_BLOCK_BYTES, command->arena, reuse, &error)) {
        report_warning("no block is reused: %s", error.sentence);
        return;
    }
    if (reuse->damaged > 0)
        report_warning("%s is damaged: %zu of its blocks are compressed again", path,
                       reuse->damaged);
    options->reuse = reuse;
}

void command_note_image(const struct command *command, const struct image_summary *summary)
{
    const struct squashfs_result *image = summary->image;
    if (command->settings->image.bases.count > 0)
        report_note(command->settings->quiet, "%zu of %zu paths are in base images",
                    summary->source->held_count, summary->source->closure.paths.count);
    if (summary->with_reuse)
        report_note(command->settings->quiet, "reused %.1f MiB of %.1f MiB of compressed data",
                    report_mebibytes(image->reused_bytes), report_mebibytes(image->data_bytes));
}

cJSON *command_image_json(const struct command *command, const struct image_summary *summary)
{
    const struct image_source *source = summary->source;
    const struct squashfs_result *image = summary->image;
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "output", str_from(command->settings->output));
    cJSON_AddNumberToObject(object, "paths", (double)source->closure.paths.count);
    cJSON_AddNumberToObject(object, "pathsBelow", (double)source->held_count);
    cJSON_AddNumberToObject(object, "files", (double)source->inventory.file_count);
    cJSON_AddNumberToObject(object, "fileBytes", (double)source->inventory.file_bytes);
    cJSON_AddNumberToObject(object, "storedBytes", (double)image->data_bytes);
    cJSON_AddNumberToObject(object, "reusedBytes", (double)image->reused_bytes);
    cJSON_AddNumberToObject(object, "imageBytes", (double)image->size_bytes);
    cJSON_AddNumberToObject(object, "seconds", summary->seconds);
    cJSON *warnings = cJSON_AddArrayToObject(object, "warnings");
    const struct option_list *sentences = report_warnings();
    for (size_t i = 0; i < sentences->count; i++)
        json_add_text(warnings, NULL, str_from(sentences->items[i]));
    return object;
}
