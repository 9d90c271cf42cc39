#include "tests/check.h"

#include "units/fetch/fetch_settings.h"

#include <string.h>

#define PARSE(settings, ...)                                                            \
    fetch_settings_parse((int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)) + 1, \
                         (char *[]){ (char *)"regd-fetch", __VA_ARGS__ }, settings, check_error)

static void a_directory_is_enough(void)
{
    struct fetch_settings settings;
    CHECK_DONE(PARSE(&settings, (char *)"/d"));
    CHECK_STR(settings.directory, "/d");
    CHECK(!settings.root && !settings.seals);
    CHECK_NUMBER(settings.limits.stall_seconds, 30);
    CHECK_NUMBER(settings.limits.retry_last_ms, 30000);
}

static void options_are_read(void)
{
    struct fetch_settings settings;
    CHECK_DONE(PARSE(&settings, (char *)"--root", (char *)"/r", (char *)"--stall", (char *)"2",
                     (char *)"--retry", (char *)"3", (char *)"d"));
    CHECK_STR(settings.root, "/r");
    CHECK_NUMBER(settings.limits.stall_seconds, 2);
    CHECK_NUMBER(settings.limits.retry_last_ms, 3000);
    CHECK_DONE(PARSE(&settings, (char *)"--cache", (char *)"/c", (char *)"/c/d"));
    CHECK_STR(settings.cache, "/c");
    CHECK_DONE(PARSE(&settings, (char *)"--seal", (char *)"d"));
    CHECK(settings.seals);
}

static void a_wrong_command_line_is_refused(void)
{
    struct fetch_settings settings;
    CHECK_REFUSED(PARSE(&settings, (char *)"--root", (char *)"/r"),
                  "expected one directory; try --help");
    CHECK_REFUSED(PARSE(&settings, (char *)"a", (char *)"b"), "expected one directory; try --help");
    CHECK_REFUSED(PARSE(&settings, (char *)"--root"), "--root expects a DIR");
    CHECK_REFUSED(PARSE(&settings, (char *)"--cache"), "--cache expects a DIR");
    CHECK_REFUSED(PARSE(&settings, (char *)"--stall"),
                  "--stall expects a number of seconds, 1 to 3600");
    CHECK_REFUSED(PARSE(&settings, (char *)"--retry", (char *)"0", (char *)"d"),
                  "--retry expects a number of seconds, 1 to 3600");
    CHECK_REFUSED(PARSE(&settings, (char *)"--other", (char *)"d"), "unknown option '--other'");
    CHECK_REFUSED(PARSE(&settings, (char *)"--seal", (char *)"--root", (char *)"/r", (char *)"d"),
                  "--seal takes no other option");
}

int main(void)
{
    return CHECK_ALL(CASE(a_directory_is_enough), CASE(options_are_read),
                     CASE(a_wrong_command_line_is_refused));
}
