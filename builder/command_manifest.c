/* command_manifest.c — prints the manifest of a closure. */
#include "builder/command.h"

#include "schema/nix/manifest.h"

bool command_manifest(const struct command *command, struct error *error)
{
    struct closure closure;
    struct closure_request request = command_closure(command, &command->settings->arguments);
    if (!closure_find(&request, command->arena, &closure, error))
        return false;
    manifest_write(stdout, &closure.paths, command->store->store_dir);
    return true;
}
