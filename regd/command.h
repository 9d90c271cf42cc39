/* command.h — the commands of regd, one function each.
 */
#pragma once

#include "regd/registry.h"
#include "schema/base/options.h"

struct settings {
    const char *root, *store_dir, *state_dir;
    const char *system, *profile, *tag;
    const char *missing, *loader, *set_profile, *jobs;
    bool no_profile, no_tag, json, quiet, verbose;
};

enum profile_verb { PROFILE_SET, PROFILE_LIST, PROFILE_ROLLBACK };

/* What every command works on. */
struct command {
    struct settings settings;
    struct option_list arguments;
    struct store store;
    const char *profile; /* settings.profile, or STATE_DIR/profiles/system */
    struct registry_options registry;
    bool always_set_profile;
    enum profile_verb profile_verb;
    unsigned jobs; /* threads; 0: as many as CPUs */
    struct arena *arena;
};

must_check bool command_boot(struct command *command, struct error *error);
must_check bool command_register(struct command *command, struct error *error);
must_check bool command_profile(struct command *command, struct error *error);
must_check bool command_status(struct command *command, struct error *error);
must_check bool command_dump(struct command *command, struct error *error);
must_check bool command_verify(struct command *command, struct error *error);
