/* inspect.h — what is in a store image, and why.
 *
 * Answers  by default    counts, sizes before and after compression, memory to boot, largest paths
 *          --closure A   the paths that A needs, itself among them, and what they take
 *          --why A B     a shortest chain of references from A to B
 *          --svg FILE    besides, a picture of where the bytes go (treemap.h)
 *          A and B are store paths, base names, or a part of a name that only one path has.
 * Refused  What cannot be read (image_reader.h), and a name of no path or of several. The contents
 *          of files are not looked at: `verify` does.
 */
#pragma once

#include "builder/command.h"

must_check bool command_inspect(struct command *command, struct error *error);
