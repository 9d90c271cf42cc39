#include "tests/check.h"
#include "units/initrd_value.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void a_url_is_told_from_a_path_and_a_tag(void)
{
    CHECK(initrd_is_url(STR("http://a")) && initrd_is_url(STR("svn+ssh://a")));
    CHECK(!initrd_is_url(STR("/http://a")) && !initrd_is_url(STR("LABEL=a://b")));
    CHECK(!initrd_is_url(STR("://a")) && !initrd_is_url(STR("http:/a")) && !initrd_is_url(STR("")));
}

static void only_http_and_https_are_taken(void)
{
    static const char *const good[] = { "http://a",           "https://a/",       "HTTP://a",
                                        "http://10.0.2.2:80", "http://[fd00::1]", "https://a/%2C?b",
                                        "http://u:p@a/~b/" };
    static const struct {
        const char *url, *sentence;
    } bad[] = {
        { "ftp://a/", "scheme 'ftp' is not supported; use http or https" },
        { "file:///a", "scheme 'file' is not supported; use http or https" },
        { "httpx://a", "scheme 'httpx' is not supported; use http or https" },
        { "", "'' is not a URL" },
        { "a/b", "'a/b' is not a URL" },
        { "/a", "'/a' is not a URL" },
        { "http://", "'http://' has no host" },
        { "http:///a", "'http:///a' has no host" },
        { "https://:80/a", "'https://:80/a' has no host" },
        { "http://?a", "'http://?a' has no host" },
        { "http://a b", "'http://a b' is not a URL: byte 8 must be written as %20" },
        { "http://a\"", "'http://a\"' is not a URL: byte 8 must be written as %22" },
        { "http://a\\", "'http://a\\' is not a URL: byte 8 must be written as %5C" },
        { "http://a\xff", "'http://a\xff' is not a URL: byte 8 must be written as %FF" },
        { "http://a\nb", "'http://a\nb' is not a URL: byte 8 must be written as %0A" },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        check_about("%s", good[i]);
        CHECK_DONE(initrd_url_check(str_from(good[i]), check_error));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_about("%s", bad[i].url);
        CHECK_REFUSED(initrd_url_check(str_from(bad[i].url), check_error),
                      str_from(bad[i].sentence));
    }
}

static void a_file_s_url_means_its_directory(struct arena arena)
{
    static const struct {
        const char *url, *directory;
    } rows[] = {
        { "http://a", "http://a/" },
        { "http://a/", "http://a/" },
        { "http://a:80/b", "http://a:80/" },
        { "http://a/b/", "http://a/b/" },
        { "http://a/b/netboot.ipxe", "http://a/b/" },
        { "http://a/b/boot.php?mac=1/2#c/d", "http://a/b/" },
        { "http://a?b/c", "http://a/" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(initrd_url_directory(str_from(rows[i].url), &arena), rows[i].directory);
}

int main(void)
{
    return CHECK_ALL(CASE(a_url_is_told_from_a_path_and_a_tag), CASE(only_http_and_https_are_taken),
                     CASE(a_file_s_url_means_its_directory));
}
