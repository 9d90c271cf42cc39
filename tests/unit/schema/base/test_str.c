#include "tests/check.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void a_slice_of_nothing_is_empty(void)
{
    CHECK_NUMBER(str_from(NULL).len, 0);
    CHECK_NUMBER(str_from("").len, 0);
    CHECK_NUMBER(str_from("abc").len, 3);
    CHECK_NUMBER(STR("a\0b").len, 3);
    CHECK(str_equal(str_from(NULL), STR("")));
    CHECK(!str_cut(str_from(NULL), 'x').found);
    CHECK(!str_cut_last(str_from(NULL), 'x').found);
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void order_is_by_unsigned_bytes_shorter_first(void)
{
    static const struct {
        struct str left, right;
        int order;
    } rows[] = {
        { { "", 0 }, { "", 0 }, 0 },          { { "", 0 }, { "a", 1 }, -1 },
        { { "a", 1 }, { "a", 1 }, 0 },        { { "a", 1 }, { "aa", 2 }, -1 },
        { { "b", 1 }, { "aa", 2 }, 1 },       { { "Z", 1 }, { "a", 1 }, -1 },
        { { "\x7f", 1 }, { "\x80", 1 }, -1 }, { { "a\0b", 3 }, { "a\0c", 3 }, -1 },
        { { "a\0", 2 }, { "a", 1 }, 1 },      { { "a-", 2 }, { "a0", 2 }, -1 },
        { { "\xff", 1 }, { "\0\0", 2 }, 1 },  { { NULL, 0 }, { "a", 1 }, -1 },
        { { "a\0b", 3 }, { "a\0b", 3 }, 0 },  { { "ab", 2 }, { "a", 1 }, 1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("row %zu", i);
        CHECK_NUMBER(sign(str_compare(rows[i].left, rows[i].right)), rows[i].order);
        CHECK_NUMBER(sign(str_compare(rows[i].right, rows[i].left)), -rows[i].order);
        CHECK(str_equal(rows[i].left, rows[i].right) == (rows[i].order == 0));
    }
}

static void starts_and_ends_count_the_whole_text_and_nothing(void)
{
    CHECK(str_starts(STR("abc"), STR("ab")));
    CHECK(str_starts(STR("abc"), STR("abc")));
    CHECK(str_starts(STR("abc"), STR("")));
    CHECK(!str_starts(STR("abc"), STR("abcd")));
    CHECK(!str_starts(STR("abc"), STR("b")));
    CHECK(str_ends(STR("abc"), STR("bc")));
    CHECK(str_ends(STR("abc"), STR("abc")));
    CHECK(str_ends(STR("abc"), STR("")));
    CHECK(!str_ends(STR("abc"), STR("xabc")));
    CHECK(!str_ends(STR("abc"), STR("b")));
}

static void skip_takes_bytes_off_the_front(void)
{
    CHECK_STR(str_skip(STR("abc"), 0), "abc");
    CHECK_STR(str_skip(STR("abc"), 2), "c");
    CHECK_STR(str_skip(STR("abc"), 3), "");
    CHECK_STR(str_skip(str_from(NULL), 0), "");
}

static void cut_parts_the_text_at_the_first_or_the_last_separator(void)
{
    static const struct {
        const char *text, *head, *tail, *last_head, *last_tail;
        bool found;
    } rows[] = {
        { "a:b:c", "a", "b:c", "a:b", "c", true },
        { "a:b", "a", "b", "a", "b", true },
        { ":a", "", "a", "", "a", true },
        { "a:", "a", "", "a", "", true },
        { ":", "", "", "", "", true },
        { "::", "", ":", ":", "", true },
        { "abc", "abc", "", "abc", "", false },
        { "", "", "", "", "", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].text);
        struct cut first = str_cut(str_from(rows[i].text), ':');
        struct cut last = str_cut_last(str_from(rows[i].text), ':');
        CHECK(first.found == rows[i].found);
        CHECK(last.found == rows[i].found);
        CHECK_STR(first.head, rows[i].head);
        CHECK_STR(first.tail, rows[i].tail);
        CHECK_STR(last.head, rows[i].last_head);
        CHECK_STR(last.tail, rows[i].last_tail);
    }
}

static void a_cut_sees_no_further_than_the_slice(void)
{
    struct str text = { "ab:c", 2 };
    CHECK(!str_cut(text, ':').found);
    CHECK(!str_cut_last(text, ':').found);
    CHECK(str_cut((struct str){ "a\0b", 3 }, '\0').found);
}

static void numbers_are_digits_up_to_a_maximum(void)
{
    static const struct {
        const char *text;
        uint64_t max, number;
    } rows[] = {
        { "0", 0, 0 },
        { "00012", 12, 12 },
        { "255", 255, 255 },
        { "9223372036854775807", INT64_MAX, INT64_MAX },
        { "18446744073709551615", UINT64_MAX, UINT64_MAX },
        { "0000000000000000000000000000000007", 9, 7 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t number = 99;
        check_about("%s", rows[i].text);
        CHECK(str_to_number(str_from(rows[i].text), rows[i].max, &number));
        CHECK_NUMBER(number, rows[i].number);
    }
}

static void what_is_not_a_number_or_too_large_is_not_read(void)
{
    static const struct {
        const char *text;
        uint64_t max;
    } rows[] = {
        { "", 9 },
        { "+1", 9 },
        { "-1", 9 },
        { "-0", 9 },
        { " 1", 9 },
        { "1 ", 9 },
        { "1.0", 99 },
        { "0x1", 99 },
        { "1,000", 9999 },
        { "a", 9 },
        { "1\n", 99 },
        { "1", 0 },
        { "256", 255 },
        { "10", 9 },
        { "9223372036854775808", INT64_MAX },
        { "18446744073709551616", UINT64_MAX },
        { "99999999999999999999", UINT64_MAX },
        { "\xd9\xa1", 9 }, /* a digit, but not one of ours */
        { "/", 9 },
        { ":", 9 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t number = 99;
        check_about("%s", rows[i].text);
        CHECK(!str_to_number(str_from(rows[i].text), rows[i].max, &number));
        CHECK_NUMBER(number, 99);
    }
    uint64_t number = 99;
    CHECK(!str_to_number((struct str){ "1\0", 2 }, 99, &number));
    CHECK(!str_to_number(str_from(NULL), 99, &number));
}

static void a_plain_path_has_all_its_components(void)
{
    static const char *const plain[] = { "a", "a/b", "...", ".a/b.", "a b/\n" };
    static const char *const others[] = {
        "", "/", "/a", "a/", "a//b", ".", "a/.", "../a", "a/../b"
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        CHECK(str_is_plain_path(str_from(plain[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_about("'%s'", others[i]);
        CHECK(!str_is_plain_path(str_from(others[i])));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_plain_path_has_all_its_components), CASE(a_slice_of_nothing_is_empty),
                     CASE(order_is_by_unsigned_bytes_shorter_first),
                     CASE(starts_and_ends_count_the_whole_text_and_nothing),
                     CASE(skip_takes_bytes_off_the_front),
                     CASE(cut_parts_the_text_at_the_first_or_the_last_separator),
                     CASE(a_cut_sees_no_further_than_the_slice),
                     CASE(numbers_are_digits_up_to_a_maximum),
                     CASE(what_is_not_a_number_or_too_large_is_not_read));
}
