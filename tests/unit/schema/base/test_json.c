#include "tests/check.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

static void one_value_and_blanks_are_json(void)
{
    static const char *const texts[] = { "{}",   " [1]\n",     "\t\"a\"\r\n ",
                                         "null", "{\"a\":{}}", "[\"\\\\u0000\"]" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cleanup(json_free) cJSON *root = NULL;
        check_about("'%s'", texts[i]);
        CHECK_DONE(json_parse(str_from(texts[i]), &root, check_error));
        CHECK(root != NULL);
    }
}

static void what_is_no_json_is_refused_by_its_byte(void)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "", "it is not JSON, from byte 1 on" },
        { "x", "it is not JSON, from byte 1 on" },
        { "{\"a\":}", "it is not JSON, from byte 6 on" },
        { "{} {}", "it is not JSON, from byte 4 on" },
        { "[1]x", "it is not JSON, from byte 4 on" },
        { "[\"a\\u0000b\"]", "a text has the character \\u0000, at byte 4" },
        { "[\"\\\\\\u0000\"]", "a text has the character \\u0000, at byte 5" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup(json_free) cJSON *root = NULL;
        check_about("'%s'", cases[i].text);
        CHECK_REFUSED(json_parse(str_from(cases[i].text), &root, check_error), cases[i].sentence);
        CHECK(!root);
    }
}

static void a_nul_inside_is_no_json(void)
{
    cleanup(json_free) cJSON *root = NULL;
    CHECK_REFUSED(json_parse((struct str){ "[1]\0", 4 }, &root, check_error),
                  "it is not JSON, from byte 4 on");
}

/* 65536 values are free, others cost 16 bytes of text each. */
static void values_are_paid_for_by_text(struct arena arena)
{
    enum { VALUES = 100000, DEAR = 16, CHEAP = 3 };
    char *text = arena_room(&arena, VALUES * DEAR + 4), *at = stpcpy(text, "[");
    cleanup(json_free) cJSON *dear = NULL;
    cJSON *cheap = NULL;
    for (size_t i = 0; i < VALUES; i++)
        at = stpcpy(at, "[],");
    stpcpy(at, "1]");
    CHECK_REFUSED(json_parse(str_from(text), &cheap, check_error),
                  "200002 JSON values, and 300003 bytes may have 84286");
    at = stpcpy(text, "[");
    for (size_t i = 0; i < VALUES; i++)
        at = stpcpy(at, "\"\\\",[[[,{{,x12\",");
    stpcpy(at, "1]");
    CHECK_DONE(json_parse(str_from(text), &dear, check_error));
    CHECK_NUMBER(cJSON_GetArraySize(dear), VALUES + 1);
}

static void members_are_texts_or_missing(struct arena arena)
{
    cleanup(json_free) cJSON *root = NULL;
    const char *text = "before";
    CHECK_DONE(json_parse(STR("{\"a\":\"x\",\"b\":1,\"c\":null,\"A\":2}"), &root, check_error));
    CHECK_DONE(json_text(root, "a", &arena, &text, check_error));
    CHECK_STR(text, "x");
    CHECK_DONE(json_optional_text(root, "a", &text, check_error));
    CHECK_STR(text, "x");
    CHECK_DONE(json_optional_text(root, "c", &text, check_error));
    CHECK(!text);
    CHECK_DONE(json_optional_text(root, "none", &text, check_error));
    CHECK(!text);
    CHECK_REFUSED(json_optional_text(root, "b", &text, check_error), "b: a text expected");
    CHECK_REFUSED(json_text(root, "A", &arena, &text, check_error), "A: a text expected");
    CHECK_REFUSED(json_text(root, "c", &arena, &text, check_error), "c: a text expected");
    CHECK_REFUSED(json_text(root, "none", &arena, &text, check_error), "none: a text expected");
}

static void a_text_outlives_the_object_it_was_in(struct arena arena)
{
    const char *text = NULL;
    {
        cleanup(json_free) cJSON *root = NULL;
        CHECK_DONE(json_parse(STR("{\"a\":\"long enough\"}"), &root, check_error));
        CHECK_DONE(json_text(root, "a", &arena, &text, check_error));
    }
    CHECK_STR(text, "long enough");
}

int main(void)
{
    return CHECK_ALL(CASE(one_value_and_blanks_are_json),
                     CASE(what_is_no_json_is_refused_by_its_byte), CASE(a_nul_inside_is_no_json),
                     CASE(values_are_paid_for_by_text), CASE(members_are_texts_or_missing),
                     CASE(a_text_outlives_the_object_it_was_in));
}
