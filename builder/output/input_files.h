/* input_files.h — opens files that are named on the command line.
 */
#pragma once

#include "schema/base/file.h"
#include "schema/base/options.h"

struct input_files {
    struct file *items; /* the first `count` are open; owned */
    size_t count;
};

#define INPUT_FILES_NONE ((struct input_files){ .count = 0 })

/* Opens all files. Refuses a file that is not regular. Must be released even after a failure. */
must_check bool input_files_open(const struct option_list *names, struct arena *arena,
                                 struct input_files *files, struct error *error);

/* Adds up the sizes of all files. */
must_check bool input_files_size(const struct input_files *files, uint64_t *ret_size_bytes,
                                 struct error *error);

/* For `cleanup`. */
void input_files_release(const struct input_files *files);
