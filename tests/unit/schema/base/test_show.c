#include "tests/check.h"

#include "schema/base/show.h"
#include "schema/base/utf8.h"

#include <stdlib.h>
#include <string.h>

static void what_is_printed_stays(struct arena arena)
{
    static const char *const texts[] = { "", "load x: a 'b' \\x0a", "K\xc3\xa4se",
                                         "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_STR(arena_show(&arena, str_from(texts[i])), texts[i]);
}

static void what_a_terminal_obeys_or_hides_is_hex(struct arena arena)
{
    static const struct {
        struct str text;
        const char *want;
    } cases[] = {
        { { "a\nb\r\tc", 6 }, "a\\x0ab\\x0d\\x09c" },
        { { "\0", 1 }, "\\x00" },
        { { "\x1b]52;c;YQ==\x07", 12 }, "\\x1b]52;c;YQ==\\x07" },
        { { "\x7f", 1 }, "\\x7f" },
        { { "\xc2\x9b"
            "2J",
            4 },
          "\\xc2\\x9b2J" },
        { { "\x9b"
            "2J",
            3 },
          "\\x9b2J" },
        { { "\xc2\xad", 2 }, "\\xc2\\xad" },          /* soft hyphen */
        { { "\xe2\x80\xae", 3 }, "\\xe2\\x80\\xae" }, /* right to left */
        { { "\xe2\x81\xa6", 3 }, "\\xe2\\x81\\xa6" },
        { { "\xe2\x80\xa8", 3 }, "\\xe2\\x80\\xa8" }, /* line separator */
        { { "\xe2\x80\x8b", 3 }, "\\xe2\\x80\\x8b" }, /* zero width */
        { { "\xef\xbb\xbf", 3 }, "\\xef\\xbb\\xbf" },
        { { "\xef\xbf\xbf", 3 }, "\\xef\\xbf\\xbf" },
        { { "\xf3\xa0\x81\x81", 4 }, "\\xf3\\xa0\\x81\\x81" }, /* a tag */
        { { "\xed\xa0\x80", 3 }, "\\xed\\xa0\\x80" },          /* a surrogate */
        { { "\xc0\x8a", 2 }, "\\xc0\\x8a" },                   /* an overlong newline */
        { { "x\xc3", 2 }, "x\\xc3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(arena_show(&arena, cases[i].text), cases[i].want);
}

/* Whatever two bytes stand one behind the other. */
static void no_pair_of_bytes_gets_through(struct arena arena)
{
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        struct arena scratch = arena;
        char text[4] = { 'a', (char)(pair >> 8), (char)pair, 'z' };
        struct str shown = arena_show(&scratch, (struct str){ text, sizeof text });
        check_about("%04x", pair);
        if (!CHECK(utf8_wrong_from(shown) == shown.len))
            return;
        for (struct str rest = shown; rest.len > 0;) {
            uint32_t character = 0;
            rest = str_skip(rest, utf8_first(rest, &character));
            if (!CHECK(character >= 0x20 && !(character >= 0x7f && character < 0xa0)))
                return;
        }
    }
}

static void a_line_is_one_line(void)
{
    char *printed = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&printed, &length);
    show_line(stream, "%s is %d", "a\nroot: b\x1b[A", 7);
    show_line(stream, "%s", "");
    fclose(stream);
    CHECK_STR(printed, "a\\x0aroot: b\\x1b[A is 7\n\n");
    free(printed);
}

static void what_is_cut_is_whole_characters(void)
{
    static const struct {
        size_t size;
        const char *want;
    } cases[] = {
        { 1, "" }, { 4, "a" }, { 6, "a\\x1b" }, { 7, "a\\x1b" }, { 8, "a\\x1b\xc3\xa9" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[16];
        CHECK(show_cut(STR("a\x1b\xc3\xa9"), room, cases[i].size) == strlen(cases[i].want));
        CHECK_STR(room, cases[i].want);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_printed_stays), CASE(what_a_terminal_obeys_or_hides_is_hex),
                     CASE(no_pair_of_bytes_gets_through), CASE(a_line_is_one_line),
                     CASE(what_is_cut_is_whole_characters));
}
