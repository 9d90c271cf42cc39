#include "tests/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void a_failure_is_one_expression_that_is_false(void)
{
    struct error error;
    CHECK(!error_set(&error, "line %d: '%s'", 12, "x"));
    CHECK_STR(error.sentence, "line 12: 'x'");
    CHECK(!error_errno(&error, ENOENT, "open %s", "/a"));
    CHECK_STR(error.sentence, "open /a: No such file or directory");
    CHECK(!error_in(&error, "load %s", "b"));
    CHECK_STR(error.sentence, "load b: open /a: No such file or directory");
}

static void context_reads_from_the_outside_in(void)
{
    struct error error;
    error_set(&error, "three");
    error_in(&error, "two");
    error_in(&error, "one");
    CHECK_STR(error.sentence, "one: two: three");
}

static void percent_signs_in_a_sentence_stay(void)
{
    struct error error;
    error_set(&error, "%s", "100%s %n");
    error_in(&error, "%s", "%d");
    CHECK_STR(error.sentence, "%d: 100%s %n");
}

static void a_long_sentence_is_cut(void)
{
    struct error error;
    char text[2 * ERROR_SENTENCE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&error, "%s", text);
    CHECK_NUMBER(strlen(error.sentence), ERROR_SENTENCE_MAX - 1);
    error_errno(&error, EIO, "%s", text);
    CHECK_NUMBER(strlen(error.sentence), ERROR_SENTENCE_MAX - 1);
}

static void context_pushes_the_end_of_a_full_sentence_out(void)
{
    struct error error;
    memset(error.sentence, 'x', sizeof error.sentence);
    error.sentence[sizeof error.sentence - 1] = '\0';
    error_in(&error, "abc");
    CHECK_NUMBER(strlen(error.sentence), ERROR_SENTENCE_MAX - 1);
    CHECK(memcmp(error.sentence, "abc: xxx", 8) == 0);
    char text[ERROR_SENTENCE_MAX];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_in(&error, "%s", text);
    CHECK_STR(error.sentence, text);
}

static void check_printed(const char *sentence, const char *want)
{
    struct error error;
    char *printed = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&printed, &length);
    error_set(&error, "%s", sentence);
    error_print(stream, "regd", &error);
    fclose(stream);
    CHECK_STR(printed, want);
    free(printed);
}

static void what_a_terminal_would_obey_is_printed_as_hex(void)
{
    check_printed("load x", "regd: load x\n");
    check_printed("a\x1b[2Jb\nc\r\t\x7f", "regd: a\\x1b[2Jb\\x0ac\\x0d\\x09\\x7f\n");
    check_printed("K\xc3\xa4se", "regd: K\xc3\xa4se\n");
}

int main(void)
{
    return CHECK_ALL(CASE(a_failure_is_one_expression_that_is_false),
                     CASE(context_reads_from_the_outside_in),
                     CASE(percent_signs_in_a_sentence_stay), CASE(a_long_sentence_is_cut),
                     CASE(context_pushes_the_end_of_a_full_sentence_out),
                     CASE(what_a_terminal_would_obey_is_printed_as_hex));
}
