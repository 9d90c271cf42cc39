#include "schema/nix/content_address.h"
#include "tests/check.h"

#define SHA256 "sha256-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void each_method_has_its_prefix(struct arena arena)
{
    static const char *const known[][2] = {
        { "flat", "fixed:sha256:07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080" },
        { "nar", "fixed:r:sha256:07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080" },
        { "git", "fixed:git:sha256:07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080" },
        { "text", "text:sha256:07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct str text = STR("");
        CHECK_DONE(
            content_address_format(str_from(known[i][0]), STR(SHA256), &arena, &text, check_error));
        CHECK_STR(text, known[i][1]);
    }
}

static void other_algorithms_have_other_lengths(struct arena arena)
{
    struct str text = STR("");
    CHECK_DONE(content_address_format(STR("flat"), STR("md5-AAAAAAAAAAAAAAAAAAAAAA=="), &arena,
                                      &text, check_error));
    CHECK_STR(text, "fixed:md5:00000000000000000000000000");
    CHECK_DONE(content_address_format(STR("flat"), STR("sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="), &arena,
                                      &text, check_error));
    CHECK_STR(text, "fixed:sha1:00000000000000000000000000000000");
}

static void what_is_neither_is_refused(struct arena arena)
{
    struct str text;
    CHECK_REFUSED(content_address_format(STR("tree"), STR(SHA256), &arena, &text, check_error),
                  "'tree' is not a method of content addressing");
    CHECK_REFUSED(content_address_format(STR("nar"), STR("sha3-AAAA"), &arena, &text, check_error),
                  "'sha3-AAAA' is not an SRI hash");
    CHECK_REFUSED(content_address_format(STR("nar"), STR("sha256"), &arena, &text, check_error),
                  "'sha256' is not an SRI hash");
    CHECK_REFUSED(content_address_format(STR("nar"), STR("md5-AAAA"), &arena, &text, check_error),
                  "'md5-AAAA' is not an SRI hash");
}

int main(void)
{
    return CHECK_ALL(CASE(each_method_has_its_prefix), CASE(other_algorithms_have_other_lengths),
                     CASE(what_is_neither_is_refused));
}
