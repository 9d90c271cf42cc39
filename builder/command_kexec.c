/* command_kexec.c — prints the script for kexec, without creating a tree. */
#include "builder/command.h"

#include "builder/tree/script.h"

bool command_kexec(const struct command *command, struct error *error)
{
    struct tree_description description;
    if (!command_describe_system(command, &description, error))
        return false;
    /* The files that the script will load are not known here. So the script checks them with the
     * SHA256SUMS beside them, and estimates the memory from their compressed size. */
    script_write_kexec(stdout, &description, *command->arena);
    return true;
}
