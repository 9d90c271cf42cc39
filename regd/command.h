/* command.h — the commands of regd, and what they have in common.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/registry/registry.h"

struct settings {
    const char *root, *store_dir, *state_dir;
    const char *system, *profile, *tag;
    const char *registration_time; /* digits; null: now */
    int missing;                   /* enum registry_missing; -1: the command's own */
    int vanished;                  /* enum registry_vanished; -1: the command's own */
    int loader;                    /* enum registry_loader */
    int set_profile;               /* enum set_profile */
    unsigned jobs;                 /* threads; 0: one for each CPU */
    bool no_profile, no_tag, delete_manifest, json, quiet, verbose;
};

enum set_profile { SET_PROFILE_MISSING, SET_PROFILE_ALWAYS };

enum profile_verb { PROFILE_SET, PROFILE_LIST, PROFILE_ROLLBACK, PROFILE_PRUNE };

/* What is passed to each command. */
struct command {
    struct settings settings;
    struct option_list arguments;
    struct store store;
    const char *profile; /* settings.profile, or STATE_DIR/profiles/system */
    struct registry_options registry;
    enum profile_verb profile_verb;
    int collector; /* lock against the garbage collector (collector.h), or -1; owned */
    struct arena *arena;
};

must_check bool command_boot(struct command *command, struct error *error);
must_check bool command_register(struct command *command, struct error *error);
must_check bool command_profile(struct command *command, struct error *error);
must_check bool command_status(struct command *command, struct error *error);
must_check bool command_dump(struct command *command, struct error *error);
must_check bool command_verify(struct command *command, struct error *error);
