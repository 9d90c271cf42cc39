/* command_verify.c — verifies an image or a tree. */
#include "builder/command.h"

#include "builder/check/verify_image.h"
#include "builder/check/verify_tree.h"
#include "builder/check/verify_verity.h"
#include "builder/output/report.h"
#include "builder/publish/verify_published.h"
#include "builder/reader/base_images.h"

#include "schema/base/counted.h"
#include "schema/base/json.h"

#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Prints the findings. Fails if there are any. */
static bool report(const struct command *command, struct findings *findings,
                   const struct verify_result *result, struct error *error)
{
    const char *name = command->settings->arguments.items[0];
    struct arena scratch = *command->arena;
    findings_sort(findings);
    if (!command->settings->json)
        findings_print(findings);
    else if (!json_print(findings_json(findings, result->path_count, result->ok_count,
                                       FINDING_KINDS_OF_IMAGE),
                         error))
        return false;
    if (findings->count)
        return error_set(error, "%s: %zu of %zu paths are as listed; found: %.*s", name,
                         result->ok_count, result->path_count,
                         STR_ARG(findings_summary(findings, &scratch)));
    report_note(command->settings->quiet, "%s: %s verified, all as listed%s", name,
                counted(result->ok_count, "path").text,
                result->held_count ? "; the other paths are in base images" : "");
    return true;
}

static bool verify_file(const struct command *command, const struct verifier *verifier, int fd,
                        struct verify_result *ret_result, struct error *error)
{
    const struct settings *settings = command->settings;
    struct image_place place = { .fd = fd,
                                 .name = settings->arguments.items[0],
                                 .budget = verifier->budget };
    struct str store_dir = verifier->store_dir;
    struct image image;
    cleanup(input_files_release) struct input_files bases = INPUT_FILES_NONE;
    if (!input_files_open(&settings->image.bases, verifier->arena, &bases, error) ||
        !image_open(&place, store_dir, verifier->arena, &image, error))
        return false;
    bool *held = arena_new(verifier->arena, bool, image.listed.count);
    return base_images_find(&bases, store_dir, &image.listed, *verifier->arena, held, error) &&
           verify_image(verifier, &image, held, ret_result, error) &&
           verify_verity(verifier, &image, place.name,
                         settings->image.root_hash ? &settings->image.root : NULL, error);
}

static bool verify_directory(const struct command *command, const struct verifier *verifier, int fd,
                             struct verify_result *ret_result, struct error *error)
{
    const char *name = command->settings->arguments.items[0];
    if (command->settings->image.bases.count > 0)
        return error_set(error, "%s is a tree, whose boot.json lists its images; leave out --base",
                         name);
    if (command->settings->image.root_hash)
        return error_set(error, "%s is a tree; --root-hash is for an image", name);
    return verify_published_is(fd) ? verify_published(verifier, name, ret_result, error)
                                   : verify_tree(verifier, fd, name, ret_result, error);
}

bool command_verify(const struct command *command, struct error *error)
{
    const char *name = command->settings->arguments.items[0];
    struct findings findings = findings_start(command->arena);
    struct image_budget budget = image_budget_make(command->settings->unpacked_bytes);
    budget.contents.remedy = "allow more with --unpacked-limit";
    struct verifier verifier = {
        .store_dir = command->store->store_dir,
        .crew = command->crew,
        .arena = command->arena,
        .findings = &findings,
        .budget = &budget,
    };
    struct verify_result result = { 0 };
    struct stat status;
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", name);
    /* The files of a tree are added to the budget later: see tree_check_files.c. */
    if (!S_ISDIR(status.st_mode))
        image_budget_pay(&budget, budget_real_bytes(&status));
    return (S_ISDIR(status.st_mode) ? verify_directory : verify_file)(command, &verifier, fd,
                                                                      &result, error) &&
           report(command, &findings, &result, error);
}
