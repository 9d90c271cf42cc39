#include "tests/check.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

#include <stdlib.h>
#include <string.h>

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

static void what_is_no_utf8_is_no_json(void)
{
    static const char *const texts[] = { "[\"ab\xff\"]", "[\"ab\xc0\x80\"]", "[\"ab\xed\xa0\x80\"]",
                                         "[\"ab\xe2\x82\"]" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cleanup(json_free) cJSON *root = NULL;
        check_about("text %zu", i);
        CHECK_REFUSED(json_parse(str_from(texts[i]), &root, check_error),
                      "it is not JSON, from byte 5 on");
    }
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

/* What is told as \xNN is a byte again. */
static struct str bytes_of(struct arena *arena, struct str told)
{
    static const char digits[] = "0123456789abcdef";
    char *bytes = arena_room(arena, told.len + 1);
    size_t count = 0;
    for (size_t i = 0; i < told.len; i++) {
        const char *high = NULL, *low = NULL;
        if (i + 3 < told.len && told.data[i] == '\\' && told.data[i + 1] == 'x') {
            high = memchr(digits, told.data[i + 2], 16);
            low = memchr(digits, told.data[i + 3], 16);
        }
        bytes[count++] = high && low ? (char)((high - digits) << 4 | (low - digits)) : told.data[i];
        i += high && low ? 3 : 0;
    }
    return (struct str){ bytes, count };
}

/* Written as the only item of an array, printed, and read again. */
static struct str told(struct arena *arena, struct str text, bool exact)
{
    cleanup(json_free) cJSON *array = cJSON_CreateArray(), *root = NULL;
    (exact ? json_add_exact : json_add_text)(array, NULL, text);
    char *spelled = json_spell(array, JSON_COMPACT);
    CHECK(json_can_say(str_from(spelled)) && !strpbrk(spelled, "\x1b\n\x7f"));
    CHECK_DONE(json_parse(str_from(spelled), &root, check_error));
    free(spelled);
    const char *read = cJSON_GetStringValue(cJSON_GetArrayItem(root, 0));
    return arena_copy(arena, str_from(read));
}

static void every_text_is_told_and_can_be_got_back(struct arena arena)
{
    static const struct str texts[] = {
        { "", 0 },
        { "\0", 1 },
        { "a\0b", 3 },
        { "\\xff", 4 },
        { "\\\\xff\\x5c", 9 },
        { "\\x\xff", 3 },
        { "\\xf\xff", 4 },
        { "\\\xff", 2 },
        { "\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 9 },
        { "\xe2\x80\xa8\xe2\x80\xae\xf3\xa0\x81\x81\xef\xbf\xbf", 13 },
        { "\"quoted\" \\ /", 12 },
        { "dev-disk-by\\x2dlabel", 20 },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_about("text %zu", i);
        CHECK_STR(bytes_of(&arena, told(&arena, texts[i], false)), texts[i]);
        if (json_can_say(texts[i]))
            CHECK_STR(told(&arena, texts[i], true), texts[i]);
    }
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        struct arena scratch = arena;
        char text[3] = { (char)(pair >> 8), (char)pair, 'z' };
        check_about("%04x", pair);
        if (!CHECK_STR(bytes_of(&scratch, told(&scratch, (struct str){ text, 3 }, false)),
                       ((struct str){ text, 3 })))
            return;
    }
}

static void a_byte_is_told_in_hex_and_a_character_as_it_is(struct arena arena)
{
    CHECK_STR(told(&arena, STR("K\xc3\xa4se\xff\n"), false), "K\xc3\xa4se\\xff\n");
    CHECK_STR(told(&arena, STR("a\\xff \\x2D"), false), "a\\x5cxff \\x2D");
}

static void what_a_terminal_obeys_is_escaped(void)
{
    cleanup(json_free) cJSON *array = cJSON_CreateArray();
    json_add_text(array, NULL, STR("\x1b\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\n"));
    char *spelled = json_spell(array, JSON_INDENTED);
    CHECK_STR(spelled, "[\"\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41\\n\"]");
    free(spelled);
}

static void what_json_cannot_hold_exactly_is_refused(void)
{
    CHECK_DONE(json_check("it", STR("K\xc3\xa4se\x01\\xff"), check_error));
    CHECK_REFUSED(json_check("it", STR("x=\xff"), check_error),
                  "it: byte 3 is 0xff, which JSON cannot hold; only UTF-8 is possible");
    CHECK_REFUSED(json_check("it", ((struct str){ "a\0\xff", 3 }), check_error),
                  "it: byte 2 is 0x00, which JSON cannot hold; only UTF-8 is possible");
}

static void numbers_are_whole_and_exact(void)
{
    static const struct {
        const char *text;
        uint64_t number;
    } rows[] = {
        { "{\"n\":0}", 0 },
        { "{\"n\":9007199254740991}", 9007199254740991 },
        { "{\"n\":4.096e3}", 4096 },
    };
    static const char *const wrong[] = {
        "{\"n\":-1}",    "{\"n\":0.5}",   "{\"n\":9007199254740992}",
        "{\"n\":1e400}", "{\"n\":\"1\"}", "{\"n\":null}",
        "{\"n\":true}",  "{\"N\":1}",
    };
    uint64_t number = 7;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup(json_free) cJSON *root = NULL;
        CHECK_DONE(json_parse(str_from(rows[i].text), &root, check_error));
        CHECK_DONE(json_number(root, "n", &number, check_error));
        CHECK_NUMBER(number, rows[i].number);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cleanup(json_free) cJSON *root = NULL;
        check_about("%s", wrong[i]);
        CHECK_DONE(json_parse(str_from(wrong[i]), &root, check_error));
        CHECK_REFUSED(json_number(root, "n", &number, check_error), "n: a whole number expected");
    }
}

static void another_version_is_refused(void)
{
    cleanup(json_free) cJSON *root = NULL;
    CHECK_DONE(json_parse(STR("{\"version\":3}"), &root, check_error));
    CHECK_DONE(json_version(root, 3, check_error));
    CHECK_REFUSED(json_version(root, 1, check_error),
                  "version 3 is not supported; this program reads version 1");
}

int main(void)
{
    return CHECK_ALL(CASE(one_value_and_blanks_are_json),
                     CASE(what_is_no_json_is_refused_by_its_byte), CASE(a_nul_inside_is_no_json),
                     CASE(what_is_no_utf8_is_no_json), CASE(every_text_is_told_and_can_be_got_back),
                     CASE(a_byte_is_told_in_hex_and_a_character_as_it_is),
                     CASE(what_a_terminal_obeys_is_escaped),
                     CASE(what_json_cannot_hold_exactly_is_refused),
                     CASE(values_are_paid_for_by_text), CASE(members_are_texts_or_missing),
                     CASE(a_text_outlives_the_object_it_was_in), CASE(numbers_are_whole_and_exact),
                     CASE(another_version_is_refused));
}
