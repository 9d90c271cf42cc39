/* command_script.c — prints the iPXE or kexec script for a system, without creating a tree. */
#include "builder/command.h"

#include "builder/ramdisk/ramdisk.h"
#include "builder/tree/script.h"

#include "schema/base/own.h"

/* Describes the boot files for a script. There is no tree, so sizes and digests are unknown. */
static bool describe(const struct command *command, struct tree_description *ret_description,
                     struct error *error)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    if (!command_read_system(command, &spec, error))
        return false;
    *ret_description = tree_describe(&spec, command->store->store_dir,
                                     command->settings->boot.base_url, command->arena);
    ret_description->ramdisks = arena_new(command->arena, struct tree_file, 1);
    ret_description->ramdisks[0].name = RAMDISK_NAME;
    ret_description->ramdisk_count = 1;
    return true;
}

bool command_ipxe(const struct command *command, struct error *error)
{
    struct tree_description description;
    return describe(command, &description, error) &&
           script_write_ipxe(stdout, &description, *command->arena, error);
}

bool command_kexec(const struct command *command, struct error *error)
{
    struct tree_description description;
    if (!describe(command, &description, error))
        return false;
    /* The files that the script will load are not known here. So the script checks them with the
     * SHA256SUMS beside them, and estimates the memory from their compressed size. */
    script_write_kexec(stdout, &description, *command->arena);
    return true;
}
