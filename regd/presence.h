/* presence.h — finds out which paths of a list exist in the store directory.
 *
 * Reads the store directory once instead of looking up each path; only paths that were not found
 * are looked up. A store path may be a file, a directory or a link, even a dangling one.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Sets ret_present[i] for each path of a normalised list that exists. If the store directory does
 * not exist, no path does. */
must_check bool presence_scan(const struct store *store, const struct path_list *list,
                              bool *ret_present, struct error *error);
