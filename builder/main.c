/* regd-build — builds images for netboot and kexec from the closure of a Nix store path. */
#include "builder/command.h"
#include "builder/output/report.h"

#include "schema/base/completion.h"
#include "schema/base/options_help.h"
#include "schema/base/own.h"
#include "schema/base/show.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool (*const commands[])(const struct command *, struct error *) = {
    [COMMAND_TREE] = command_tree,       [COMMAND_SQUASHFS] = command_squashfs,
    [COMMAND_RAMDISK] = command_ramdisk, [COMMAND_IPXE] = command_ipxe,
    [COMMAND_KEXEC] = command_kexec,     [COMMAND_MANIFEST] = command_manifest,
    [COMMAND_INSPECT] = command_inspect, [COMMAND_VERIFY] = command_verify,
    [COMMAND_PUBLISH] = command_publish, [COMMAND_UNPACK] = command_unpack,
};
_Static_assert(sizeof commands / sizeof *commands == COMMAND_COUNT, "each command has a function");

static void tell_odd_database(const void *unused, const char *sentence)
{
    (void)unused;
    report_warning("%s", sentence);
}

static void tell_waiting(const void *settings, const char *what, const char *holder,
                         unsigned seconds)
{
    if (seconds == 1)
        report_note(((const struct settings *)settings)->quiet, "waiting for %s, which %s uses",
                    what, holder);
}

static bool run(const struct settings *settings, struct arena *arena, struct error *error)
{
    struct crew crew;
    struct store store;
    struct progress progress = PROGRESS_NONE;
    const struct command command = {
        .settings = settings,
        .store = &store,
        .progress = &progress,
        .crew = &crew,
        .arena = arena,
    };
    progress.is_shown = !settings->quiet && isatty(STDERR_FILENO);
    if ((settings->json && !report_keep_warnings(error)) ||
        !crew_make(settings->jobs, arena, &crew, error) ||
        !store_open(settings->root, settings->store_dir, settings->state_dir, arena, &store, error))
        return false;
    store.waiting = tell_waiting;
    store.warning = tell_odd_database;
    store.context = settings;
    assert(commands[settings->command]);
    bool done = commands[settings->command](&command, error);
    own_close(&store.root);
    return done && options_flush_output(error);
}

/* Prints the error, if there is one. Returns the exit status. */
static int finish(bool done, const struct error *error)
{
    if (done)
        return EXIT_SUCCESS;
    error_print(stderr, settings_program.name, error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct error error;
    struct arena arena;
    struct settings settings;
    own_standard_streams();
    /* Directories are for all to read, whatever the caller's umask is. */
    umask(022);
    if (!arena_reserve(&arena, (size_t)16 << 30, &error))
        return finish(false, &error);
    switch (settings_read(argc, argv, &arena, &settings, &error)) {
    case OPTIONS_HELP:
        options_print_help(stdout, &settings_program, settings.command);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_VERSION:
        show_line(stdout, "regd-build %s", REGD_VERSION);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_COMPLETION:
        completion_write(stdout, &settings_program, settings.shell);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_RUN:
        return finish(run(&settings, &arena, &error), &error);
    case OPTIONS_WRONG:
        break;
    }
    error_print(stderr, settings_program.name, &error);
    return 2;
}
