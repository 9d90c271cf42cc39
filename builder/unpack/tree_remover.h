/* tree_remover.h — removes a file, a link, or a directory with all that it holds, however deep.
 *
 * Safety   Links are not followed. Two directories are open at a time: what lies deep is moved up
 *          until it lies at the top.
 */
#pragma once

#include "schema/base/error.h"

/* Removes the entry `name` of a directory, which nobody else may use. Directories in it become
 * writable for their owner first. It is no fault if the entry does not exist. */
must_check bool tree_remove(int directory, const char *name, struct error *error);
