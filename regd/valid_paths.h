/* valid_paths.h — the paths that a command was given, or all, as the database has them.
 */
#pragma once

#include "regd/command.h"

/* Reads the named valid paths (links to them and paths inside them will do), or without a name all.
 * The result is normalised. Refuses where there is no database, and names that are not valid. */
must_check bool valid_paths_read(const struct command *command, struct path_list *ret_list,
                                 struct error *error);
