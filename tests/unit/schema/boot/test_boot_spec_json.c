#include "tests/check_json.h"

#include "schema/boot/boot_spec_json.h"

#define TOP "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system"
#define SYSTEM(members)                               \
    "{\"org.nixos.bootspec.v1\":{\"toplevel\":\"" TOP \
    "\",\"label\":\"NixOS\",\"system\":\"x86_64-"     \
    "linux\"" members "}"

static bool parse(const char *text, const char *specialisation, struct arena *arena,
                  struct boot_spec_json *ret_spec)
{
    return boot_spec_json_parse(str_from(text), specialisation, arena, ret_spec, check_error);
}

static void everything_is_read(struct arena arena)
{
    struct boot_spec_json spec = { 0 };
    CHECK_DONE(parse(SYSTEM(",\"init\":\"" TOP "/init\",\"kernel\":\"/k\",\"initrd\":\"/i\","
                            "\"kernelParams\":[\"a\",\"b c\",\"\"],\"other\":1") ",\"x\":2}",
                     NULL, &arena, &spec));
    CHECK_STR(spec.toplevel, TOP);
    CHECK_STR(spec.init, TOP "/init");
    CHECK_STR(spec.kernel, "/k");
    CHECK_STR(spec.initrd, "/i");
    CHECK_STR(spec.params, "a b c ");
    CHECK_STR(spec.label, "NixOS");
    CHECK_STR(spec.system, "x86_64-linux");
    CHECK_NUMBER(spec.specialisations.count, 0);
}

static void what_a_system_may_lack_is_null(struct arena arena)
{
    static const char *const texts[] = {
        SYSTEM("") "}",
        SYSTEM(",\"init\":null,\"kernel\":null,\"initrd\":null,\"kernelParams\":null") "}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct boot_spec_json spec = { .init = "" };
        CHECK_DONE(parse(texts[i], NULL, &arena, &spec));
        CHECK(spec.toplevel && !spec.init && !spec.kernel && !spec.initrd && !spec.params.data);
    }
}

/* No parameters are said; that is not the same as not saying. */
static void an_empty_list_of_parameters_is_empty(struct arena arena)
{
    struct boot_spec_json spec = { 0 };
    CHECK_DONE(parse(SYSTEM(",\"kernelParams\":[]") "}", NULL, &arena, &spec));
    CHECK(spec.params.data && spec.params.len == 0);
}

static void xen_is_an_extension_of_the_system_that_is_read(struct arena arena)
{
    static const struct {
        const char *text, *specialisation;
        bool has_xen;
    } rows[] = {
        { SYSTEM("") "}", NULL, false },
        { SYSTEM("") ",\"org.xenproject.bootspec.v1\":{\"xen\":\"/x\"}}", NULL, true },
        { SYSTEM("") ",\"org.xenproject.bootspec.v2\":{}}", NULL, true },
        { SYSTEM("") ",\"org.xenproject.bootspec.v1x\":{}}", NULL, false },
        { SYSTEM("") ",\"org.nixos.specialisation.v1\":{\"a\":" SYSTEM(
              "") ",\"org.xenproject.bootspec.v1\":{}}}}",
          NULL, false },
        { SYSTEM("") ",\"org.nixos.specialisation.v1\":{\"a\":" SYSTEM(
              "") ",\"org.xenproject.bootspec.v1\":{}}}}",
          "a", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct boot_spec_json spec = { 0 };
        check_about("%s", rows[i].text);
        CHECK_DONE(parse(rows[i].text, rows[i].specialisation, &arena, &spec));
        CHECK_NUMBER(spec.has_xen, rows[i].has_xen);
    }
}

#define SPECIAL                                                                      \
    SYSTEM("")                                                                       \
    ",\"org.nixos.specialisation.v1\":{\"one\":" SYSTEM(",\"kernel\":\"/one\"") "}," \
                                                                                "\"two\":{}}}"

static void specialisations_are_named_and_read(struct arena arena)
{
    struct boot_spec_json spec = { 0 };
    CHECK_DONE(parse(SPECIAL, "one", &arena, &spec));
    CHECK_STR(spec.kernel, "/one");
    if (CHECK_NUMBER(spec.specialisations.count, 2)) {
        CHECK_STR(spec.specialisations.items[0], "one");
        CHECK_STR(spec.specialisations.items[1], "two");
    }
    static const char *const absent[] = { "two", "three", "One", "" };
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        CHECK_DONE(parse(SPECIAL, absent[i], &arena, &spec));
        CHECK(!spec.toplevel);
        CHECK_NUMBER(spec.specialisations.count, 2);
    }
}

static void another_version_is_not_found(struct arena arena)
{
    static const char *const texts[] = { "{}", "{\"org.nixos.bootspec.v2\":{}}", "[]", "1",
                                         "null" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct boot_spec_json spec;
        check_about("%s", texts[i]);
        CHECK_DONE(parse(texts[i], NULL, &arena, &spec));
        CHECK(!spec.toplevel);
    }
}

static void members_of_another_type_are_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { SYSTEM(",\"init\":1") "}", "org.nixos.bootspec.v1: init: a text expected" },
        { SYSTEM(",\"kernel\":\"relative\"") "}",
          "org.nixos.bootspec.v1: kernel: an absolute path expected" },
        { SYSTEM(",\"initrd\":\"\"") "}",
          "org.nixos.bootspec.v1: initrd: an absolute path expected" },
        { SYSTEM(",\"kernelParams\":\"a\"") "}",
          "org.nixos.bootspec.v1: kernelParams: a list expected" },
        { SYSTEM(",\"kernelParams\":[\"a\",1]") "}",
          "org.nixos.bootspec.v1: kernelParams: a list of texts expected" },
        { "{\"org.nixos.bootspec.v1\":{}}", "org.nixos.bootspec.v1: toplevel: a text expected" },
        { "{\"org.nixos.bootspec.v1\":1}", "org.nixos.bootspec.v1: toplevel: a text expected" },
        { "{", "it is not JSON, from byte 1 on" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct boot_spec_json spec = { .label = "untouched" };
        check_about("%s", rows[i].text);
        CHECK_REFUSED(parse(rows[i].text, NULL, &arena, &spec), rows[i].sentence);
        CHECK_STR(spec.label, "untouched");
    }
}

/* A value of the wrong kind is refused by its name; what is read then is complete. */
static void each_value_is_refused_or_right(struct arena arena)
{
    static const char good[] =
        SYSTEM(",\"init\":\"/init\",\"kernel\":\"/k\",\"initrd\":\"/i\",\"kernelParams\":[\"a\",\"b\"]") ",\"org.nixos.specialisation.v1\":{\"s\":" SYSTEM(
            "") "}}}";
    struct check_json change;
    size_t refusals = 0;
    for (size_t number = 0; check_json_change(good, number, &arena, &change); number++) {
        struct boot_spec_json spec = { 0 };
        if (!boot_spec_json_parse(change.text, NULL, &arena, &spec, check_error)) {
            CHECK(str_starts(str_from(check_error->sentence), STR("org.nixos.bootspec.v1: ")));
            refusals++;
            continue;
        }
        const char *const paths[] = { spec.toplevel, spec.init, spec.kernel, spec.initrd };
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            CHECK(!paths[i] || paths[i][0] == '/');
        CHECK(!spec.toplevel || (spec.label && spec.system));
    }
    CHECK(refusals > 50);
}

int main(void)
{
    return CHECK_ALL(CASE(everything_is_read), CASE(what_a_system_may_lack_is_null),
                     CASE(an_empty_list_of_parameters_is_empty),
                     CASE(xen_is_an_extension_of_the_system_that_is_read),
                     CASE(specialisations_are_named_and_read), CASE(another_version_is_not_found),
                     CASE(members_of_another_type_are_refused),
                     CASE(each_value_is_refused_or_right));
}
