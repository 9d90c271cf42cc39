/* command_ramdisk.c — creates an initial ramdisk from other ramdisks, files and store images. */
#include "builder/command.h"

#include "builder/output/output.h"
#include "builder/output/report.h"
#include "builder/ramdisk/ramdisk_archive.h"
#include "builder/ramdisk/ramdisk_inputs.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/boot/layers.h"

/* The context of fill_archive. */
struct filling {
    const struct ramdisk_inputs *inputs;
    struct arena *arena;
};

static bool fill_archive(void *context, struct ramdisk *ramdisk, struct error *error)
{
    const struct filling *filling = context;
    const struct input_files *images = &filling->inputs->images;
    struct arena *arena = filling->arena;
    uint64_t size;
    if (!ramdisk_files_write(&filling->inputs->extras, ramdisk, *arena, error))
        return false;
    for (size_t i = 0; i < images->count; i++)
        if (!ramdisk_add_image(ramdisk, layer_store_name(arena, i), images->items[i], *arena, &size,
                               error))
            return false;
    return ramdisk_finish(ramdisk, error);
}

static bool write_ramdisk(const struct command *command, const struct ramdisk_inputs *inputs,
                          int directory, struct ramdisk *ramdisk, struct error *error)
{
    const struct input_files *prepends = &inputs->prepends;
    struct ramdisk_archive archive = {
        .compression = &command->settings->ramdisk.method,
        .crew = command->crew,
        .directory = directory,
        .fill = fill_archive,
        .context = &(struct filling){ inputs, command->arena },
        .arena = command->arena,
    };
    uint64_t ignored;
    for (size_t i = 0; i < prepends->count; i++)
        if (!ramdisk_prepend(ramdisk, prepends->items[i], *command->arena, &ignored, error))
            return false;
    return ramdisk_archive_write(&archive, ramdisk, &ignored, error);
}

bool command_ramdisk(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    const struct ramdisk_settings *given = &settings->ramdisk;
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    cleanup(ramdisk_inputs_release) struct ramdisk_inputs inputs = { .extras = given->extras };
    if (!ramdisk_inputs_open(&given->prepends, &given->stores, command->arena, &inputs, error) ||
        !output_open(settings->output, OUTPUT_FILE, command->arena, &output, error) ||
        !draft_open(output.directory, output.name, &draft, error))
        return false;
    struct ramdisk ramdisk = { .fd = draft.fd };
    if (!write_ramdisk(command, &inputs, output.directory, &ramdisk, error) ||
        !draft_publish(&draft, 0644, error))
        return false;
    report_note(settings->quiet, "%s: %.1f MiB", settings->output,
                report_mebibytes(ramdisk.size_bytes));
    command_warn_large(ramdisk.size_bytes);
    return true;
}
