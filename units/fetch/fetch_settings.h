/* fetch_settings.h — the command line of regd-fetch.
 */
#pragma once

#include "units/fetch/limits.h"

#include "schema/base/error.h"

struct fetch_settings {
    const char *root;      /* an unpacked ramdisk; null: the running system */
    const char *cache;     /* where a file system must be mounted; null: nowhere */
    const char *directory; /* gets the images, or is sealed */
    bool seals;
    struct fetch_limits limits;
};

/* Parses the command line. The strings are those of argv. */
must_check bool fetch_settings_parse(int argc, char **argv, struct fetch_settings *ret_settings,
                                     struct error *error);
