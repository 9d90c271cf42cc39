/* command_inspect.c — prints what is in a store image, and why. */
#include "builder/command.h"

#include "builder/inspect/inspect_diff.h"
#include "builder/inspect/inspect_overview.h"
#include "builder/inspect/inspect_picture.h"
#include "builder/inspect/inspect_references.h"
#include "builder/output/report.h"
#include "builder/reader/image_verity.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>

/* Opens an image. The descriptor stays open as long as the inspection is used. */
static bool open_image(const struct command *command, const char *name, int *ret_fd,
                       struct inspection *ret_inspection, struct error *error)
{
    *ret_inspection = (struct inspection){
        .store_dir = command->store->store_dir,
        .as_json = command->settings->json,
        .is_quiet = command->settings->quiet,
        .arena = command->arena,
    };
    *ret_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*ret_fd < 0)
        return error_errno(error, errno, "open %s", name);
    struct image_place place = { .fd = *ret_fd, .name = name };
    return inspection_open(&place, ret_inspection, error);
}

static bool compare(const struct command *command, const struct inspection *new,
                    struct error *error)
{
    struct inspection old;
    cleanup(own_close) int fd = -1;
    return open_image(command, command->settings->inspect.diff, &fd, &old, error) &&
           inspect_print_diff(&old, new, error);
}

static bool answer(const struct command *command, const struct inspection *inspection,
                   struct error *error)
{
    const struct inspect_settings *wanted = &command->settings->inspect;
    if (wanted->diff)
        return compare(command, inspection, error);
    const char *name = command->settings->arguments.items[0];
    return (wanted->why.first
                ? inspect_explain(inspection, wanted->why.first, wanted->why.second, error)
            : wanted->closure ? inspect_print_closure(inspection, wanted->closure, error)
                              : inspect_print_overview(inspection, error)) ||
           error_in(error, "%s", name);
}

/* Verity data that is not as it should be is told; the image can be read all the same. */
static bool find_verity(struct inspection *inspection, const char *name, struct error *error)
{
    struct arena scratch = *inspection->arena;
    const struct image_file *file = &inspection->image.file;
    const char *beside = verity_name(str_from(name), &scratch).data;
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
    const char *name = command->settings->arguments.items[0];
    const char *picture = command->settings->inspect.svg;
    struct inspection inspection;
    cleanup(own_close) int fd = -1;
    return open_image(command, name, &fd, &inspection, error) &&
           (find_verity(&inspection, name, error) || error_in(error, "%s", name)) &&
           answer(command, &inspection, error) &&
           (!picture || inspect_draw(&inspection, picture, error) || error_in(error, "%s", name));
}
