#include "tests/check.h"

#include "schema/base/utf8.h"

static void check_first(const char *text, size_t len, size_t want, uint32_t want_character)
{
    uint32_t character = 0;
    CHECK_NUMBER(utf8_first((struct str){ text, len }, &character), want);
    CHECK_NUMBER(character, want_character);
}

static void characters_of_every_length_are_read(void)
{
    check_first("a", 1, 1, 'a');
    check_first("\0", 1, 1, 0);
    check_first("\x7f", 1, 1, 0x7f);
    check_first("\xc2\x80", 2, 2, 0x80);
    check_first("\xdf\xbfx", 3, 2, 0x7ff);
    check_first("\xe0\xa0\x80", 3, 3, 0x800);
    check_first("\xed\x9f\xbf", 3, 3, 0xd7ff);
    check_first("\xee\x80\x80", 3, 3, 0xe000);
    check_first("\xef\xbf\xbf", 3, 3, 0xffff);
    check_first("\xf0\x90\x80\x80", 4, 4, 0x10000);
    check_first("\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff);
}

static void what_is_no_utf8_is_no_character(void)
{
    static const struct str texts[] = {
        { "", 0 },
        { "\x80", 1 },
        { "\xbf\x80", 2 },
        { "\xc0\x80", 2 },         /* overlong */
        { "\xc1\xbf", 2 },         /* likewise */
        { "\xe0\x9f\xbf", 3 },     /* likewise */
        { "\xf0\x8f\xbf\xbf", 4 }, /* likewise */
        { "\xed\xa0\x80", 3 },     /* surrogates */
        { "\xed\xbf\xbf", 3 },
        { "\xf4\x90\x80\x80", 4 }, /* above U+10FFFF */
        { "\xf8\x88\x80\x80\x80", 5 },
        { "\xff", 1 },
        { "\xc2", 1 }, /* cut */
        { "\xe2\x82", 2 },
        { "\xf0\x9f\x98", 3 },
        { "\xc2\x41", 2 },
        { "\xe2\x82\x41", 3 },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_about("text %zu", i);
        check_first(texts[i].data, texts[i].len, 0, 0);
    }
}

static void the_first_wrong_byte_is_found(void)
{
    CHECK_NUMBER(utf8_wrong_from(STR("")), 0);
    CHECK_NUMBER(utf8_wrong_from(STR("K\xc3\xa4se")), 5);
    CHECK_NUMBER(utf8_wrong_from(STR("K\xc3\xa4\xffse")), 3);
    CHECK_NUMBER(utf8_wrong_from(STR("abc\xe2\x82")), 3);
}

static void the_first_control_character_is_found(void)
{
    CHECK_NUMBER(utf8_control_from(STR("")), 0);
    CHECK_NUMBER(utf8_control_from(STR("K\xc3\xa4se \xff\x9b\xc2\xa0")), 10);
    CHECK_NUMBER(utf8_control_from(STR("a\0")), 1);
    CHECK_NUMBER(utf8_control_from(STR("ab\x1f")), 2);
    CHECK_NUMBER(utf8_control_from(STR("\x7f")), 0);
    CHECK_NUMBER(utf8_control_from(STR("\xff\xc2\x80")), 1);
    CHECK_NUMBER(utf8_control_from(STR("\xc3\xa4\xc2\x9f")), 2);
}

int main(void)
{
    return CHECK_ALL(CASE(characters_of_every_length_are_read),
                     CASE(what_is_no_utf8_is_no_character), CASE(the_first_wrong_byte_is_found),
                     CASE(the_first_control_character_is_found));
}
