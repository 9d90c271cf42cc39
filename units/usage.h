/* usage.h — --help and --version of the programs that have no table of options (schema/base/options.h).
 */
#pragma once

#include <stdbool.h>

struct usage {
    const char *name; /* of the program */
    const char *text;
};

/* If the first argument is --help, -h or --version, prints that on standard output and returns true;
 * *ret_status is the exit status of the program. */
bool usage_print(const struct usage *usage, int argc, char **argv, int *ret_status);
