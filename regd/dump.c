/* dump.c — the command dump: prints the database as `nix-store --dump-db` does, or as path-info
 * JSON. */
#include "regd/command.h"
#include "regd/tell.h"
#include "regd/valid_paths.h"

#include "schema/base/counted.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json_write.h"

/* Rows without a legal path have been reported already, when the database was opened. */
static void tell_of_rows(const struct command *command, const struct odd_rows *odd)
{
    struct error sentence;
    if (odd->count <= odd->unnamed)
        return;
    error_set(&sentence, "%s of the database omitted as unusable; 'regd verify' lists them",
              counted(odd->count, "row").text);
    tell_odd_database(command, sentence.sentence);
}

bool command_dump(struct command *command, struct error *error)
{
    struct path_list list;
    struct odd_rows odd;
    if (!valid_paths_read(command, false, &list, &odd, error))
        return false;
    tell_of_rows(command, &odd);
    if (command->settings.json)
        path_info_json_write(stdout, &list, command->store.store_dir, *command->arena);
    else
        manifest_write(stdout, &list, command->store.store_dir);
    return true;
}
