/* valid_paths.h — the paths that a command was given, or all, as the database has them.
 */
#pragma once

#include "regd/command.h"
#include "schema/database/store_read.h"

/* Reads the named valid paths (links to them and paths inside them will do), or without a name all
 * that can be used, and what is odd, if `dangling` also the rows that belong to no path. The result is normalised. Refuses where there is no database, and
 * names that are not valid or of which the row is odd. */
must_check bool valid_paths_read(const struct command *command, bool dangling,
                                 struct path_list *ret_list, struct odd_rows *ret_odd,
                                 struct error *error);
