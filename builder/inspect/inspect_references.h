/* inspect_references.h — prints how the paths of an image depend on each other.
 *
 * A name is a store path, a base name, or a part of a name that only one path has.
 */
#pragma once

#include "builder/inspect/inspection.h"

/* Prints a shortest chain of references from one path to the other. */
must_check bool inspect_explain(const struct inspection *inspection, const char *from_name,
                                const char *to_name, struct error *error);

/* Prints the closure of a path, including itself, and its size. */
must_check bool inspect_print_closure(const struct inspection *inspection, const char *name,
                                      struct error *error);
