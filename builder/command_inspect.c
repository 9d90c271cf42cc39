/* command_inspect.c — prints what is in a store image, and why. */
#include "builder/command.h"

#include "builder/inspect/inspect_overview.h"
#include "builder/inspect/inspect_picture.h"
#include "builder/inspect/inspect_references.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>

static bool answer(const struct inspection *inspection, const struct settings *settings,
                   struct error *error)
{
    const struct inspect_settings *wanted = &settings->inspect;
    if (wanted->why.first)
        return inspect_explain(inspection, wanted->why.first, wanted->why.second, error);
    if (wanted->closure)
        return inspect_print_closure(inspection, wanted->closure, error);
    return inspect_print_overview(inspection, error);
}

bool command_inspect(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    const char *name = settings->arguments.items[0], *picture = settings->inspect.svg;
    struct inspection inspection = {
        .store_dir = command->store->store_dir,
        .as_json = settings->json,
        .is_quiet = settings->quiet,
        .arena = command->arena,
    };
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_errno(error, errno, "open %s", name);
    struct image_place place = { .fd = fd, .name = name };
    if (!inspection_open(&place, &inspection, error))
        return false;
    return (answer(&inspection, settings, error) &&
            (!picture || inspect_draw(&inspection, picture, error))) ||
           error_in(error, "%s", name);
}
