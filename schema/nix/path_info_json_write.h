/* path_info_json_write.h — writes the description of store paths that path_info_json.h reads.
 *
 * Shape    Version 1 as Nix 2.19 and later print it: an object with full paths as its keys.
 */
#pragma once

#include "schema/nix/path_info.h"

/* Writes the items in their order. The caller checks the stream for errors. A signature or content
 * address that is not one word of printable ASCII is omitted: Nix makes none, and no reader would
 * accept it. */
void path_info_json_write(FILE *stream, const struct path_list *list, struct str store_dir,
                          struct arena scratch);
