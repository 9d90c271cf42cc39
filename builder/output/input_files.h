/* input_files.h — files that were named on the command line, open for reading.
 */
#pragma once

#include "schema/base/options.h"

struct input_files {
    const char *const *names;
    int *fds; /* owned where `count` covers them */
    size_t count;
};

#define INPUT_FILES_NONE ((struct input_files){ .count = 0 })

/* Opens them all. Refuses what is not a regular file. On failure those that are open are to be
 * released, too. */
must_check bool input_files_open(const struct option_list *names, struct arena *arena,
                                 struct input_files *files, struct error *error);

/* For `cleanup`. */
void input_files_release(const struct input_files *files);
