/* dump.c — the database as a manifest, as `nix-store --dump-db` prints it, or as path-info JSON. */
#include "regd/command.h"
#include "regd/valid_paths.h"

#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"

bool command_dump(struct command *command, struct error *error)
{
    struct path_list list;
    if (!valid_paths_read(command, &list, error))
        return false;
    if (command->settings.json)
        path_info_json_write(stdout, &list, command->store.store_dir, *command->arena);
    else
        manifest_write(stdout, &list, command->store.store_dir);
    return true;
}
