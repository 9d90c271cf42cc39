#include "units/usage.h"

#include "schema/base/options_help.h"

#include <stdlib.h>
#include <string.h>

bool usage_print(const struct usage *usage, int argc, char **argv, int *ret_status)
{
    struct error error;
    const char *first = argc > 1 ? argv[1] : "";
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        fputs(usage->text, stdout);
    else if (strcmp(first, "--version") == 0)
        printf("%s " REGD_VERSION "\n", usage->name);
    else
        return false;
    *ret_status = EXIT_SUCCESS;
    if (!options_flush_output(&error)) {
        error_print(stderr, usage->name, &error);
        *ret_status = EXIT_FAILURE;
    }
    return true;
}
