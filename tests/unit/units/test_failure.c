#include "tests/check.h"

#include "units/failure.h"

#include <string.h>

static const struct str what = STR("The Nix store of this machine cannot be fetched.");

static void the_frame_has_sentence_and_next_step(struct arena arena)
{
    struct failure failure = { FAILURE_REBOOT, 60 };
    CHECK_STR(failure_frame(what, STR("no server has it"), &failure, &arena),
              "*******************************************************************************\n"
              "* The Nix store of this machine cannot be fetched.                            *\n"
              "* no server has it                                                            *\n"
              "* The machine reboots in 60 s.                                                *\n"
              "*******************************************************************************\n");
}

static bool has(struct str text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void each_action_is_said(struct arena arena)
{
    struct failure off = { FAILURE_POWEROFF, 5 }, shell = { FAILURE_SHELL, 0 };
    CHECK(has(failure_frame(what, STR("x"), &off, &arena), "The machine powers off in 5 s."));
    CHECK(has(failure_frame(what, STR("x"), &shell, &arena), "The emergency shell follows."));
}

/* Whatever the sentence: lines of 79 columns, and no control characters. */
static void lines_fit_the_console(struct arena arena)
{
    char long_word[500], *words = arena_room(&arena, 1000);
    struct failure failure = { FAILURE_SHELL, 0 };
    memset(long_word, 'x', sizeof long_word);
    for (size_t i = 0; i < 1000; i++)
        words[i] = i % 7 ? 'y' : ' ';
    struct str rows[] = {
        { long_word, sizeof long_word }, { words, 1000 }, STR("a\x1b[2J\nb"), STR("")
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cut cut = { .tail = failure_frame(what, rows[i], &failure, &arena) };
        while (cut.tail.len > 0) {
            cut = str_cut(cut.tail, '\n');
            CHECK_NUMBER(cut.head.len, 79);
            CHECK(!memchr(cut.head.data, '\x1b', cut.head.len));
        }
    }
}

int main(void)
{
    return CHECK_ALL(CASE(the_frame_has_sentence_and_next_step), CASE(each_action_is_said),
                     CASE(lines_fit_the_console));
}
