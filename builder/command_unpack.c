/* command_unpack.c — writes the paths of an image to the store of a root. */
#include "builder/command.h"

#include "builder/output/report.h"
#include "builder/reader/image_reader.h"
#include "builder/unpack/unpack.h"
#include "builder/unpack/unpack_choice.h"

#include "schema/base/own.h"

bool command_unpack(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    const char *name = settings->arguments.items[0];
    struct option_list paths = { .items = settings->arguments.items + 1,
                                 .count = settings->arguments.count - 1 };
    struct image_budget budget = image_budget_make(settings->unpacked_bytes);
    budget.contents.remedy = "allow more with --unpacked-limit";
    struct stat status;
    struct image image;
    bool *chosen;
    struct unpack_result result;
    cleanup(own_close) int fd = -1;
    if (!file_open_named(name, &fd, error))
        return false;
    if (fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", name);
    image_budget_pay(&budget, budget_real_bytes(&status));
    struct image_place place = { .fd = fd, .name = name, .budget = &budget };
    if (!image_open(&place, command->store->store_dir, command->arena, &image, error) ||
        !unpack_choose(&image.listed, command->store->store_dir, &paths, command->arena, &chosen,
                       error))
        return false;
    struct unpack_request request = { &image, command->store, chosen, command->crew };
    if (!unpack(&request, command->arena, &result, error))
        return false;
    report_note(settings->quiet, "%s: %zu paths unpacked (%.1f MiB), %zu were there", name,
                result.written_count, report_mebibytes(result.written_bytes), result.held_count);
    return true;
}
