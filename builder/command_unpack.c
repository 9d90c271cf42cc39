/* command_unpack.c — makes a store on disk from images. */
#include "builder/command.h"

#include "builder/output/report.h"
#include "builder/unpack/unpack.h"
#include "builder/unpack/unpack_stack.h"

#include "schema/base/clock.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/text_stream.h"
#include "schema/nix/manifest.h"

#include <fcntl.h>

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

static bool unpack_images(const struct command *command, const struct image *images, size_t count,
                          struct error *error)
{
    const struct settings *settings = command->settings;
    struct timespec start = clock_start();
    const struct option_list names = { settings->arguments.items + 1, settings->arguments.count - 1,
                                       0 };
    const struct unpack_wish wish = { &images[0].listed, command->store->store_dir, &names };
    bool *chosen = arena_new(command->arena, bool, images[0].listed.count);
    if (!unpack_choose(&wish, *command->arena, chosen, error))
        return error_in(error, "%s", images[0].name);
    const struct unpack_request request = {
        .store = command->store,
        .images = images,
        .image_count = count,
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
    const struct settings *settings = command->settings;
    const struct option_list *bases = &settings->image.bases;
    struct image_budget budget = image_budget_make(settings->unpacked_bytes);
    budget.contents.remedy = "allow more with --unpacked-limit";
    cleanup(unpack_stack_release) struct unpack_stack stack =
        unpack_stack_start(command->store->store_dir, &budget);
    if (!unpack_stack_add(&stack, settings->arguments.items[0], command->arena, error))
        return false;
    for (size_t i = 0; i < bases->count; i++)
        if (!unpack_stack_add(&stack, bases->items[i], command->arena, error))
            return false;
    return unpack_images(command, stack.items, stack.count, error);
}
