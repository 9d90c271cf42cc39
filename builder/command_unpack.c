/* command_unpack.c — makes a store on disk from images. */
#include "builder/command.h"

#include "builder/output/input_files.h"
#include "builder/output/report.h"
#include "builder/unpack/unpack.h"

#include "schema/base/clock.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/text_stream.h"
#include "schema/nix/manifest.h"

#include <errno.h>
#include <fcntl.h>

/* All images share the budget, and so does what is read of them to be verified. */
static bool open_image(const struct command *command, const struct file *file,
                       struct image_budget *budget, struct image *ret_image, struct error *error)
{
    struct stat status;
    struct image_place place = { .fd = file->fd, .name = file->name, .budget = budget };
    if (fstat(file->fd, &status) < 0)
        return error_errno(error, errno, "open %s", file->name);
    image_budget_pay(budget, budget_real_bytes(&status));
    return image_open(&place, command->store->store_dir, command->arena, ret_image, error);
}

/* So that the first boot, or `regd register`, registers what was unpacked. */
static bool publish_manifest(const struct command *command, const struct path_list *listed,
                             const bool *chosen, struct error *error)
{
    struct arena scratch = *command->arena;
    struct path_list list = *listed;
    struct str text;
    list.count = 0;
    list.items = arena_new(&scratch, struct path_info, listed->count);
    for (size_t i = 0; i < listed->count; i++)
        if (chosen[i])
            list.items[list.count++] = listed->items[i];
    cleanup(text_stream_close) struct text_stream stream = TEXT_STREAM_CLOSED;
    cleanup(own_close) int root = root_open(command->store->root, "/", O_RDONLY | O_DIRECTORY, 0);
    if (root < 0)
        return error_errno(error, -root, "open %s", command->settings->root);
    if (!text_stream_open(&stream, &scratch, error))
        return false;
    manifest_write(stream.stream, &list, command->store->store_dir);
    return text_stream_finish(&stream, &text, error) &&
           file_publish(root, MANIFEST_NAME, text, 0644, error);
}

static bool unpack_images(const struct command *command, const struct input_files *files,
                          struct error *error)
{
    const struct settings *settings = command->settings;
    struct timespec start = clock_start();
    struct image_budget budget = image_budget_make(settings->unpacked_bytes);
    budget.contents.remedy = "allow more with --unpacked-limit";
    struct image *images = arena_new(command->arena, struct image, files->count);
    for (size_t i = 0; i < files->count; i++)
        if (!open_image(command, &files->items[i], &budget, &images[i], error))
            return false;
    const struct option_list names = { settings->arguments.items + 1, settings->arguments.count - 1,
                                       0 };
    const struct unpack_wish wish = { &images[0].listed, command->store->store_dir, &names };
    bool *chosen = arena_new(command->arena, bool, images[0].listed.count);
    if (!unpack_choose(&wish, *command->arena, chosen, error))
        return error_in(error, "%s", images[0].name);
    const struct unpack_request request = {
        .store = command->store,
        .images = images,
        .image_count = files->count,
        .chosen = chosen,
        .crew = command->crew,
        .progress = command->progress,
    };
    struct unpack_result result;
    if (!unpack(&request, *command->arena, &result, error) ||
        !publish_manifest(command, &images[0].listed, chosen, error))
        return error_in(error, "unpack to %s", settings->root);
    report_note(settings->quiet, "%s: %zu paths unpacked (%.1f MiB), %zu were there; %.1f s",
                settings->root, result.written_count, report_mebibytes(result.written_bytes),
                result.kept_count, clock_seconds_since(&start));
    return true;
}

bool command_unpack(const struct command *command, struct error *error)
{
    struct option_list names = { 0 };
    const struct option_list *bases = &command->settings->image.bases;
    cleanup(input_files_release) struct input_files files = INPUT_FILES_NONE;
    option_list_add(&names, command->settings->arguments.items[0], command->arena);
    for (size_t i = 0; i < bases->count; i++)
        option_list_add(&names, bases->items[i], command->arena);
    return input_files_open(&names, command->arena, &files, error) &&
           unpack_images(command, &files, error);
}
