/* valid_paths.h — reads the paths given to a command, or all paths, from the database.
 */
#pragma once

#include "regd/command.h"
#include "schema/database/store_read.h"

/* Reads the valid paths that are the command's arguments, or, without arguments, all valid paths,
 * into a normalised list. An argument may also be a link to a valid path, or a path inside one.
 * *ret_odd gets the odd rows (store_read.h); with `dangling` also the rows that belong to no path.
 * Fails if there is no database, or if an argument is not a valid path or its row is odd. */
must_check bool valid_paths_read(const struct command *command, bool dangling,
                                 struct path_list *ret_list, struct odd_rows *ret_odd,
                                 struct error *error);
