#include "tests/check.h"

#include "builder/inspect/package_name.h"

static void the_version_begins_after_the_first_dash_before_something_other_than_a_letter(void)
{
    static const struct {
        const char *text, *name, *version;
    } rows[] = {
        { "bash-5.1-p16", "bash", "5.1-p16" },
        { "apache-httpd-2.0.48", "apache-httpd", "2.0.48" },
        { "nixos-system-demo-24.05.1.abc", "nixos-system-demo", "24.05.1.abc" },
        { "linux-6.1", "linux", "6.1" },
        { "a--b-1", "a", "-b-1" },
        { "a-_1", "a", "_1" },
        { "gtk+3-3.24", "gtk+3", "3.24" },
        { "X-A1-B", "X-A1-B", "" },
        { "7zip", "7zip", "" },
        { "-1", "", "1" },
        { "a-", "a-", "" },
        { "a-1-", "a", "1-" },
        { "-", "-", "" },
        { "a", "a", "" },
        { "", "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("%s", rows[i].text);
        struct package_name package = package_name_split(str_from(rows[i].text));
        CHECK_STR(package.name, rows[i].name);
        CHECK_STR(package.version, rows[i].version);
    }
}

static void an_output_is_dropped(void)
{
    static const struct {
        const char *text, *name, *version;
    } rows[] = {
        { "glibc-2.35-163-bin", "glibc", "2.35-163" },
        { "bash-interactive-5.1-doc", "bash-interactive", "5.1" },
        { "gcc-12.2.0-lib32", "gcc", "12.2.0" },
        { "gcc-12.2.0-lib64", "gcc", "12.2.0" },
        { "gcc-12.2.0-lib16", "gcc", "12.2.0-lib16" },
        { "gcc-12.2.0-Lib", "gcc", "12.2.0-Lib" },
        { "firmware-free", "firmware", "" },
        { "vlc-3.0-unstable-dev", "vlc", "3.0-unstable" },
        { "-dev", "", "" },
        { "dev", "dev", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("%s", rows[i].text);
        struct package_name package = package_name_split(str_from(rows[i].text));
        CHECK_STR(package.name, rows[i].name);
        CHECK_STR(package.version, rows[i].version);
    }
}

static void names_come_before_versions(void)
{
    struct package_name a1 = { STR("a"), STR("1") }, a2 = { STR("a"), STR("2") };
    struct package_name b = { STR("b"), STR("") };
    CHECK(package_name_compare(&a1, &a2) < 0);
    CHECK(package_name_compare(&a2, &b) < 0);
    CHECK(package_name_compare(&b, &a1) > 0);
    CHECK(package_name_compare(&b, &b) == 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_version_begins_after_the_first_dash_before_something_other_than_a_letter),
        CASE(an_output_is_dropped), CASE(names_come_before_versions));
}
