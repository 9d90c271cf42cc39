/* regd — registers the store paths that an image carries in the database of its Nix store. */
#include "regd/command.h"
#include "regd/tell.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/nix/store_link.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BOOT, REGISTER, PROFILE, STATUS, DUMP, VERIFY, VERB_COUNT };

enum {
    ALL = (1 << VERB_COUNT) - 1,
    LOADING = 1 << BOOT | 1 << REGISTER,
    WITH_PROFILE = 1 << BOOT | 1 << PROFILE | 1 << STATUS,
    WITH_JSON = 1 << BOOT | 1 << REGISTER | 1 << PROFILE | 1 << STATUS | 1 << VERIFY | 1 << DUMP,
};

static const struct verb_spec verbs[VERB_COUNT] = {
    [BOOT] = { "boot", "", "register, tag and set the profile: what\nregd.service runs", 0, 0 },
    [REGISTER] = { "register", "[MANIFEST...]",
                   "load manifests ('-' is standard input), or\nthose of the store image", 0,
                   SIZE_MAX },
    [PROFILE] = { "profile", "set PATH | list | rollback",
                  "look at the system profile or change it", 1, 2 },
    [STATUS] = { "status", "", "what is registered, tagged and set", 0, 0 },
    [DUMP] = { "dump", "[PATH...]", "print the database, or some of it, as a\nmanifest", 0,
               SIZE_MAX },
    [VERIFY] = { "verify", "[PATH...]", "compare the store with the hashes in the\ndatabase", 0,
                 SIZE_MAX },
};

static const struct option_spec options[] = {
    { "root", 0, OPTION_TEXT, "DIR", "work below DIR and never outside it",
      offsetof(struct settings, root), ALL },
    { "store-dir", 0, OPTION_TEXT, "DIR", "the store (" STORE_DIR_DEFAULT " or NIX_STORE_DIR)",
      offsetof(struct settings, store_dir), ALL },
    { "state-dir", 0, OPTION_TEXT, "DIR", "Nix's state (" STATE_DIR_DEFAULT " or\nNIX_STATE_DIR)",
      offsetof(struct settings, state_dir), ALL },
    { "missing", 0, OPTION_TEXT, "HOW",
      "what to do about paths that are not in the store:\nrefuse, skip (boot) or accept",
      offsetof(struct settings, missing), LOADING },
    { "loader", 0, OPTION_TEXT, "HOW", "make a new database as a file (default) or by\nsql",
      offsetof(struct settings, loader), LOADING },
    { "system", 0, OPTION_TEXT, "PATH",
      "the system to set (/run/current-system, else\nthe kernel's init=)",
      offsetof(struct settings, system), 1 << BOOT },
    { "profile", 0, OPTION_TEXT, "PATH", "the profile (profiles/system in the state\ndirectory)",
      offsetof(struct settings, profile), WITH_PROFILE },
    { "tag", 0, OPTION_TEXT, "PATH", "the file that marks a NixOS system\n(/etc/NIXOS)",
      offsetof(struct settings, tag), 1 << BOOT | 1 << STATUS },
    { "set-profile", 0, OPTION_TEXT, "WHEN",
      "missing: only where it leads nowhere (default);\nalways",
      offsetof(struct settings, set_profile), 1 << BOOT },
    { "no-profile", 0, OPTION_FLAG, NULL, "leave the profile alone",
      offsetof(struct settings, no_profile), 1 << BOOT },
    { "no-tag", 0, OPTION_FLAG, NULL, "leave the tag alone", offsetof(struct settings, no_tag),
      1 << BOOT },
    { "jobs", 'j', OPTION_TEXT, "N", "hashing threads (as many as CPUs)",
      offsetof(struct settings, jobs), 1 << VERIFY },
    { "json", 0, OPTION_FLAG, NULL, "print one JSON object on standard output",
      offsetof(struct settings, json), WITH_JSON },
    { "quiet", 'q', OPTION_FLAG, NULL, "only say what is wrong", offsetof(struct settings, quiet),
      ALL },
    { "verbose", 'v', OPTION_FLAG, NULL, "say each step", offsetof(struct settings, verbose), ALL },
};

static const struct program_spec program = {
    .name = "regd",
    .summary = "Registers the store paths that an image carries in the database of its Nix\nstore.",
    .closing = "See regd(8).",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool (*const commands[VERB_COUNT])(struct command *, struct error *) = {
    [BOOT] = command_boot,     [REGISTER] = command_register, [PROFILE] = command_profile,
    [STATUS] = command_status, [DUMP] = command_dump,         [VERIFY] = command_verify,
};

/* Finds a word in a list that ends with null; its index, or -1. */
static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

/* Turns words of the command line into values; what it refuses is a wrong command line. */
static bool interpret(struct command *command, size_t verb, struct error *error)
{
    static const char *const missing[] = { "refuse", "skip", "accept", NULL };
    static const char *const loaders[] = { "file", "sql", NULL };
    static const char *const when[] = { "missing", "always", NULL };
    static const char *const profile[] = { "set", "list", "rollback", NULL };
    const struct settings *settings = &command->settings;
    int policy = verb == BOOT ? REGISTRY_MISSING_SKIP : REGISTRY_MISSING_REFUSE;
    if (settings->missing)
        policy = find_word(settings->missing, missing);
    if (policy < 0)
        return error_set(error, "--missing wants refuse, skip or accept, not '%s'",
                         settings->missing);
    command->registry.missing = (enum registry_missing)policy;
    int loader = settings->loader ? find_word(settings->loader, loaders) : 0;
    if (loader < 0)
        return error_set(error, "--loader wants file or sql, not '%s'", settings->loader);
    command->registry.loader = (enum registry_loader)loader;
    if (settings->set_profile && find_word(settings->set_profile, when) < 0)
        return error_set(error, "--set-profile wants missing or always, not '%s'",
                         settings->set_profile);
    command->always_set_profile =
        settings->set_profile && strcmp(settings->set_profile, "always") == 0;
    uint64_t jobs = 0;
    if (settings->jobs &&
        (!str_to_number(str_from(settings->jobs), PARALLEL_JOBS_MAX, &jobs) || jobs == 0))
        return error_set(error, "--jobs wants a number from 1 to %d, not '%s'", PARALLEL_JOBS_MAX,
                         settings->jobs);
    command->jobs = (unsigned)jobs;
    if (verb != PROFILE)
        return true;
    int what = find_word(command->arguments.items[0], profile);
    if (what < 0 || command->arguments.count != (what == PROFILE_SET ? 2 : 1))
        return error_set(error, "'profile' wants 'set PATH', 'list' or 'rollback'");
    command->profile_verb = (enum profile_verb)what;
    return true;
}

static bool run(struct command *command, size_t verb, struct error *error)
{
    const struct settings *settings = &command->settings;
    /* What is made has the modes that Nix gives it, whatever the caller's umask is. */
    umask(022);
    if (!store_open(settings->root, settings->store_dir, settings->state_dir, command->arena,
                    &command->store, error))
        return false;
    command->store.waiting = tell_waiting;
    command->store.waiting_context = command;
    const char *profile = settings->profile;
    if (!profile)
        profile =
            arena_format(command->arena, "%s/profiles/system", command->store.state_dir.data).data;
    command->profile = store_link_absolute(&command->store, profile, command->arena).data;
    bool done = commands[verb](command, error);
    own_close(&command->store.root);
    return done && options_flush_output(error);
}

/* The exit status; a failure is told here and nowhere else. */
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
    struct command command = { .settings = { .tag = "/etc/NIXOS" }, .arena = &arena };
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
        printf("regd " REGD_VERSION "\n");
        return finish(options_flush_output(&error), &error);
    case OPTIONS_WRONG:
        break;
    case OPTIONS_RUN:
        if (!interpret(&command, result.verb, &error))
            break;
        if (run(&command, result.verb, &error))
            return EXIT_SUCCESS;
        tell_failure(&error);
        return EXIT_FAILURE;
    }
    error_print(stderr, program.name, &error);
    return 2;
}
