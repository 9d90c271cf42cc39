#include "units/fetch/fetch_settings.h"

#include "schema/base/str.h"

#include <string.h>

/* An hour: more is a mistake. */
enum { SECONDS_MAX = 3600 };

/* Parses the number of seconds that is the option's value. */
static bool parse_seconds(const char *option, const char *value, unsigned *ret_seconds,
                          struct error *error)
{
    uint64_t seconds;
    if (!str_to_number(str_from(value), SECONDS_MAX, &seconds) || seconds == 0)
        return error_set(error, "%s expects a number of seconds, 1 to %d", option, SECONDS_MAX);
    *ret_seconds = (unsigned)seconds;
    return true;
}

static bool parse_option(const char *option, const char *value, struct fetch_settings *settings,
                         struct error *error)
{
    unsigned seconds;
    if (strcmp(option, "--root") == 0) {
        settings->root = value;
        return true;
    }
    if (strcmp(option, "--cache") == 0) {
        settings->cache = value;
        return true;
    }
    if (strcmp(option, "--stall") != 0 && strcmp(option, "--retry") != 0)
        return error_set(error, "unknown option '%s'", option);
    if (!parse_seconds(option, value, &seconds, error))
        return false;
    if (strcmp(option, "--stall") == 0)
        settings->limits.stall_seconds = seconds;
    else
        settings->limits.retry_last_ms = seconds * 1000;
    return true;
}

bool fetch_settings_parse(int argc, char **argv, struct fetch_settings *ret_settings,
                          struct error *error)
{
    struct fetch_settings settings = { .limits = FETCH_LIMITS };
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--seal") == 0) {
            settings.seals = true;
            at++;
            continue;
        }
        if (!parse_option(argv[at], at + 1 < argc ? argv[at + 1] : "", &settings, error))
            return false;
        if (at + 1 >= argc)
            return error_set(error, "%s expects a DIR", argv[at]);
        at += 2;
    }
    if (argc - at != 1)
        return error_set(error, "expected one directory; try --help");
    if (settings.seals && at != 2)
        return error_set(error, "--seal takes no other option");
    settings.directory = argv[at];
    *ret_settings = settings;
    return true;
}
