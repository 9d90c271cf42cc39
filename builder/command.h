/* command.h — the commands of regd-build: one function and one file each, and shared helpers.
 */
#pragma once

#include "builder/closure/closure.h"
#include "builder/output/progress.h"
#include "builder/settings.h"
#include "builder/tree/tree_description.h"

#include "schema/boot/boot_spec.h"

/* What is passed to each command. */
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
must_check bool command_publish(const struct command *command, struct error *error);
must_check bool command_unpack(const struct command *command, struct error *error);

/* --- Helpers ------------------------------------------------------------------- */

/* Returns the request for the closure of some roots and of --add, or of all paths that a file
 * lists. */
struct closure_request command_closure(const struct command *command,
                                       const struct option_list *roots);

/* Reads the boot specification of the system in the first argument, or of its specialisation. Warns
 * of what is left out, and of a kernel that not every boot loader starts. */
must_check bool command_read_system(const struct command *command, struct boot_spec *ret_spec,
                                    struct error *error);

/* Reads the same, and describes the boot files for a script. There is no tree, so sizes and digests
 * are unknown. */
must_check bool command_describe_system(const struct command *command,
                                        struct tree_description *ret_description,
                                        struct error *error);

/* Warns if some boot loaders cannot load a ramdisk of this size. */
void command_warn_large(uint64_t ramdisk_bytes);
