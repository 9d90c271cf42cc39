/* command.h — the commands of regd-build, one function and one file each, and what they share.
 */
#pragma once

#include "builder/closure/closure.h"
#include "builder/output/progress.h"
#include "builder/settings.h"

#include "schema/boot/boot_spec.h"

/* What every command works with. */
struct command {
    const struct settings *settings;
    const struct store *store;
    struct progress *progress;
    const struct crew *crew;
    struct arena *arena;
};

must_check bool command_tree(const struct command *command, struct error *error);
must_check bool command_squashfs(const struct command *command, struct error *error);
must_check bool command_ramdisk(const struct command *command, struct error *error);
must_check bool command_ipxe(const struct command *command, struct error *error);
must_check bool command_kexec(const struct command *command, struct error *error);
must_check bool command_manifest(const struct command *command, struct error *error);
must_check bool command_inspect(const struct command *command, struct error *error);
must_check bool command_verify(const struct command *command, struct error *error);

/* --- What several of them do ------------------------------------------------------------------- */

/* The closure of some roots, of what --add names, or of all that a file lists. */
struct closure_request command_closure(const struct command *command,
                                       const struct option_list *roots);

/* Reads the system that the argument names, or the specialisation of it. */
must_check bool command_read_system(const struct command *command, struct boot_spec *ret_spec,
                                    struct error *error);

/* Warns that a loader cannot take a ramdisk of this size. */
void command_warn_large(uint64_t ramdisk_bytes);
