/* presence.h — which paths of a list are on disk.
 *
 * One pass over the store directory, not one look-up per path; what it does not find is looked up. A store path counts as present
 * whatever it is: a file, a directory or a link, even a dangling one.
 */
#pragma once

#include "schema/path_graph.h"
#include "schema/store.h"

/* Sets ret_present[i] (room for every path of the table's list) for those that are there.
 * A store directory that does not exist holds nothing. */
must_check bool presence_scan(const struct store *store, const struct name_table *table,
                              bool *ret_present, struct error *error);
