/* command_ipxe.c — prints the script for iPXE, without creating a tree. */
#include "builder/command.h"

#include "builder/tree/script.h"

bool command_ipxe(const struct command *command, struct error *error)
{
    struct tree_description description;
    return command_describe_system(command, &description, error) &&
           script_write_ipxe(stdout, &description, *command->arena, error);
}
