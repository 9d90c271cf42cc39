/* command_inspect.c — prints what is in a store image, and why. */
#include "builder/command.h"

#include "builder/inspect/inspect_overview.h"
#include "builder/inspect/inspect_picture.h"
#include "builder/inspect/inspect_references.h"
#include "builder/output/report.h"
#include "builder/reader/image_verity.h"

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

/* Verity data that is not as it should be is told; the image can be read all the same. */
static bool find_verity(struct inspection *inspection, const char *name, struct error *error)
{
    struct arena scratch = *inspection->arena;
    const struct image_file *file = &inspection->image.file;
    const char *beside = arena_format(&scratch, "%s" VERITY_SUFFIX, name).data;
    cleanup(own_close) int fd = -1;
    struct image_verity verity;
    struct error cause;
    if (!file->verity_bytes && !file_open(AT_FDCWD, beside, &fd, error))
        return false;
    if (!file->verity_bytes && fd < 0)
        return true;
    inspection->has_verity =
        image_verity_find(file, name, (struct file){ fd, beside }, &verity, &cause);
    if (inspection->has_verity)
        inspection->root = verity.root;
    else
        report_warning("%s: no root hash is shown, because of its verity data: %s", name,
                       cause.sentence);
    return true;
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
    return (find_verity(&inspection, name, error) && answer(&inspection, settings, error) &&
            (!picture || inspect_draw(&inspection, picture, error))) ||
           error_in(error, "%s", name);
}
