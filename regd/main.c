/* regd — registers the store paths of an image in the Nix database of the booted system. */
#include "regd/command.h"
#include "regd/tell.h"

#include "schema/base/completion.h"
#include "schema/base/options_help.h"
#include "schema/base/own.h"
#include "schema/base/show.h"
#include "schema/nix/store_link.h"
#include "schema/registry/state.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { BOOT, REGISTER, PROFILE, STATUS, DUMP, VERIFY, VERB_COUNT };

enum {
    ALL = (1 << VERB_COUNT) - 1,
    LOADING = 1 << BOOT | 1 << REGISTER,
    WITH_PROFILE = 1 << BOOT | 1 << PROFILE | 1 << STATUS,
    WITH_JSON = 1 << BOOT | 1 << REGISTER | 1 << PROFILE | 1 << STATUS | 1 << VERIFY | 1 << DUMP,
};

static const struct verb_spec verbs[VERB_COUNT] = {
    [BOOT] = { "boot", "[MANIFEST...]",
               "register manifests, create the tag, set the\nprofile; regd.service runs this", 0,
               SIZE_MAX },
    [REGISTER] = { "register", "[MANIFEST...]",
                   "register these manifests ('-': standard input), or\nthose that are found", 0,
                   SIZE_MAX },
    [PROFILE] = { "profile", "set PATH | list | rollback | prune",
                  "set, list, roll back or prune the system profile", 1, 2 },
    [STATUS] = { "status", "", "print what is registered, tagged and set", 0, 0 },
    [DUMP] = { "dump", "[PATH...]", "print the database, or these paths, as a manifest", 0,
               SIZE_MAX },
    [VERIFY] = { "verify", "[PATH...]", "compare the store with the hashes in the database", 0,
                 SIZE_MAX },
};

static const struct option_spec options[] = {
    { "root", 0, OPTION_TEXT, "DIR", "work on the system below DIR, never outside it",
      offsetof(struct settings, root), ALL },
    { "store-dir", 0, OPTION_TEXT, "DIR",
      "use this store (default: NIX_STORE_DIR or\n" STORE_DIR_DEFAULT ")",
      offsetof(struct settings, store_dir), ALL },
    { "state-dir", 0, OPTION_TEXT, "DIR",
      "use this Nix state (default: NIX_STATE_DIR or\n" STATE_DIR_DEFAULT ")",
      offsetof(struct settings, state_dir), ALL },
    { "missing", 0, OPTION_CHOICE, "refuse|skip|accept",
      "choose what happens to paths missing from the store\n(default: refuse; boot: skip)",
      offsetof(struct settings, missing), LOADING },
    { "vanished", 0, OPTION_CHOICE, "forget|keep",
      "choose what happens to valid paths no longer in the\nstore (default: keep; boot without MANIFEST: forget)",
      offsetof(struct settings, vanished), LOADING },
    { "loader", 0, OPTION_CHOICE, "file|sql",
      "choose how a new database is created (default: file)", offsetof(struct settings, loader),
      LOADING },
    { "registration-time", 0, OPTION_TEXT, "SECONDS",
      "register new paths at this time since 1970, for the\nsame database every time (default: now)",
      offsetof(struct settings, registration_time), 1 << REGISTER },
    { "system", 0, OPTION_TEXT, "PATH",
      "point the profile at this system (default:\n/run/current-system, else the kernel's init=)",
      offsetof(struct settings, system), 1 << BOOT },
    { "profile", 0, OPTION_TEXT, "PATH",
      "use this profile (default: profiles/system in the\nstate directory)",
      offsetof(struct settings, profile), WITH_PROFILE },
    { "tag", 0, OPTION_TEXT, "PATH", "use this file as the tag (default: " STATE_TAG_PATH ")",
      offsetof(struct settings, tag), 1 << BOOT | 1 << STATUS },
    { "set-profile", 0, OPTION_CHOICE, "missing|always",
      "set the profile if missing (the default), or always", offsetof(struct settings, set_profile),
      1 << BOOT },
    { "no-profile", 0, OPTION_FLAG, NULL, "do not set the profile",
      offsetof(struct settings, no_profile), 1 << BOOT },
    { "no-tag", 0, OPTION_FLAG, NULL, "do not create the tag", offsetof(struct settings, no_tag),
      1 << BOOT },
    { "delete-manifest", 0, OPTION_FLAG, NULL, "delete the manifests after everything else is done",
      offsetof(struct settings, delete_manifest), 1 << BOOT },
    { "jobs", 'j', OPTION_JOBS, "N", "hash with N threads (default: number of CPUs)",
      offsetof(struct settings, jobs), 1 << VERIFY },
    { "json", 0, OPTION_FLAG, NULL, "print the result as JSON", offsetof(struct settings, json),
      WITH_JSON },
    { "quiet", 'q', OPTION_FLAG, NULL, "print only warnings and errors",
      offsetof(struct settings, quiet), ALL },
    { "verbose", 'v', OPTION_FLAG, NULL, "print each step", offsetof(struct settings, verbose),
      ALL },
};

static const struct program_spec program = {
    .name = "regd",
    .summary = "Registers the store paths of a booted image in its Nix database.",
    .closing = "See regd(8).",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool (*const commands[])(struct command *, struct error *) = {
    [BOOT] = command_boot,     [REGISTER] = command_register, [PROFILE] = command_profile,
    [STATUS] = command_status, [DUMP] = command_dump,         [VERIFY] = command_verify,
};
_Static_assert(sizeof commands / sizeof *commands == VERB_COUNT, "each command has a function");

/* Returns the word's index in a null-terminated list, or -1. */
static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

/* A null text means now. */
static bool interpret_time(const char *text, int64_t *ret_seconds, struct error *error)
{
    uint64_t seconds = (uint64_t)time(NULL);
    if (text && !str_to_number(str_from(text), REGISTRY_TIME_MAX, &seconds))
        return error_set(error, "--registration-time: '%s' is not a number of seconds, 0 to %lld",
                         text, (long long)REGISTRY_TIME_MAX);
    *ret_seconds = (int64_t)seconds;
    return true;
}

/* Converts the words of the command line. What it refuses is a wrong command line (exit status 2). */
static bool interpret(struct command *command, size_t verb, struct error *error)
{
    static const char *const profile[] = { "set", "list", "rollback", "prune", NULL };
    const struct settings *settings = &command->settings;
    int missing = settings->missing;
    if (missing < 0)
        missing = verb == BOOT ? REGISTRY_MISSING_SKIP : REGISTRY_MISSING_REFUSE;
    command->registry.missing = (enum registry_missing)missing;
    int vanished = settings->vanished;
    if (vanished < 0)
        vanished = verb == BOOT && command->arguments.count == 0 ? REGISTRY_VANISHED_FORGET
                                                                 : REGISTRY_VANISHED_KEEP;
    command->registry.vanished = (enum registry_vanished)vanished;
    command->registry.loader = (enum registry_loader)settings->loader;
    if (!interpret_time(settings->registration_time, &command->registry.time_seconds, error))
        return false;
    for (size_t i = 0; i < command->arguments.count && settings->delete_manifest; i++)
        if (strcmp(command->arguments.items[i], "-") == 0)
            return error_set(error, "boot: --delete-manifest cannot delete standard input ('-')");
    if (verb != PROFILE)
        return true;
    int what = find_word(command->arguments.items[0], profile);
    if (what < 0 || command->arguments.count != (what == PROFILE_SET ? 2 : 1))
        return error_set(error, "profile: unexpected '%s'; usage: regd profile %s",
                         command->arguments.items[0], verbs[PROFILE].synopsis);
    command->profile_verb = (enum profile_verb)what;
    return true;
}

static bool run(struct command *command, size_t verb, struct error *error)
{
    const struct settings *settings = &command->settings;
    /* New files get the modes that Nix gives them, whatever the caller's umask is. */
    umask(022);
    if (!store_open(settings->root, settings->store_dir, settings->state_dir, command->arena,
                    &command->store, error))
        return false;
    command->store.waiting = tell_waiting;
    command->store.warning = tell_odd_database;
    command->store.context = command;
    const char *profile = settings->profile;
    if (!profile)
        profile =
            arena_format(command->arena, "%s/profiles/system", command->store.state_dir.data).data;
    command->profile = store_link_absolute(&command->store, profile, command->arena).data;
    assert(commands[verb]);
    bool done = commands[verb](command, error);
    own_close(&command->collector);
    own_close(&command->store.root);
    return done && options_flush_output(error);
}

/* Returns the exit status, after printing the error if there is one. */
static int finish(bool done, const struct error *error)
{
    if (done)
        return EXIT_SUCCESS;
    error_print(stderr, program.name, error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct error error;
    struct arena arena;
    struct command command = { .settings = { .tag = STATE_TAG_PATH, .missing = -1, .vanished = -1 },
                               .collector = -1,
                               .arena = &arena };
    own_standard_streams();
    if (!arena_reserve(&arena, (size_t)16 << 30, &error))
        return finish(false, &error);
    struct options_result result =
        options_parse(&program, argc, argv, &command.settings, &arena, &error);
    command.arguments = result.arguments;
    switch (result.answer) {
    case OPTIONS_HELP:
        options_print_help(stdout, &program, result.verb);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_VERSION:
        show_line(stdout, "regd %s", REGD_VERSION);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_COMPLETION:
        completion_write(stdout, &program, result.shell);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_WRONG:
        break;
    case OPTIONS_RUN:
        if (!interpret(&command, result.verb, &error))
            break;
        if (run(&command, result.verb, &error))
            return EXIT_SUCCESS;
        tell_failure(&command, &error);
        return EXIT_FAILURE;
    }
    error_print(stderr, program.name, &error);
    return 2;
}
