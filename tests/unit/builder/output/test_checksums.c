#include "tests/check.h"

#include "builder/output/checksums.h"

#include <string.h>

#define A    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define LINE "expected a SHA-256 in lower case, two spaces and a plain name"

/* 255 bytes. */
#define TEN       "1234567890"
#define FIFTY     TEN TEN TEN TEN TEN
#define COMPONENT FIFTY FIFTY FIFTY FIFTY FIFTY "12345"

static void lines_are_read_in_any_order_and_found_by_name(struct arena arena)
{
    struct checksums sums;
    if (!CHECK_DONE(checksums_parse(STR(A "  initrd\n" B " *a b\n"), &arena, &sums, check_error)))
        return;
    CHECK_NUMBER(sums.count, 2);
    CHECK_STR(sums.items[0].name, "a b");
    CHECK_NUMBER(sums.items[0].line_number, 2);
    CHECK_STR(hash_to_hex(&checksums_find(&sums, "initrd")->hash).text, A);
    CHECK(!checksums_find(&sums, "initr") && !checksums_find(&sums, "initrd.gz"));
    CHECK(!checksums_find(&(struct checksums){ .count = 0 }, "initrd"));
}

static void other_texts_are_refused_by_their_line(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "", "it lists no file" },
        { "\n", "line 1: " LINE },
        { "x\n", "line 1: " LINE },
        { A "\n", "line 1: " LINE },
        { A " \n", "line 1: " LINE },
        { A "  \n", "line 1: " LINE },
        { A "  a\n\n", "line 2: " LINE },
        { A "  a\n" A "  b", "line 2: the line feed at its end is missing" },
        { A "  a\nshort\n", "line 2: " LINE },
        { A " a\n", "line 1: " LINE },
        { A "\t a\n", "line 1: " LINE },
        { A " -a\n", "line 1: " LINE },
        { A "  a\x7f\n", "line 1: " LINE },
        { A "  " COMPONENT "x\n", "line 1: " LINE },
        { A "  .a\n", "line 1: " LINE },
        { A "  ..\n", "line 1: " LINE },
        { A "  a//b\n", "line 1: " LINE },
        { A "  a/\n", "line 1: " LINE },
        { A "  a/../b\n", "line 1: " LINE },
        { A "  /etc/passwd\n", "line 1: " LINE },
        { A "  a\r\n", "line 1: " LINE },
        { "\\" A "  a\\nb\n", "line 1: " LINE },
        { A "  a\\\\b\n", "line 1: " LINE },
        { "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef  a\n",
          "line 1: " LINE },
        { "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  a\n",
          "line 1: " LINE },
        { A "  b\n" B "  a\n" A "  b\n", "line 3: 'b' is already listed on line 1" },
    };
    struct checksums sums;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_about("case %zu", i);
        CHECK_REFUSED(checksums_parse(str_from(cases[i].text), &arena, &sums, check_error),
                      cases[i].sentence);
    }
    static const char nul[] = A "  a\0b\n";
    CHECK_REFUSED(checksums_parse((struct str){ nul, sizeof nul - 1 }, &arena, &sums, check_error),
                  "line 1: " LINE);
}

static void a_name_may_be_as_long_as_a_file_s(struct arena arena)
{
    struct checksums sums;
    CHECK_DONE(checksums_parse(STR(A "  " COMPONENT "\n"), &arena, &sums, check_error));
    CHECK_STR(sums.items[0].name, COMPONENT);
}

static void no_beginning_of_a_list_is_taken_for_one(struct arena arena)
{
    static const char text[] = A "  initrd\n" B "  bzImage\n";
    struct checksums sums;
    for (size_t length = 0; length < sizeof text - 1; length++)
        CHECK(checksums_parse((struct str){ text, length }, &arena, &sums, check_error) ==
              (length == sizeof A "  initrd\n" - 1));
}

static void what_is_written_is_read_again(struct arena arena)
{
    struct checksum items[2] = { { .name = "z" }, { .name = "a b" } };
    struct checksums sums;
    memset(items[1].hash.bytes, 0xff, HASH_BYTES);
    struct str text = checksums_format(items, 2, &arena);
    CHECK_STR(str_skip(text, 64), "  z\n" B "  a b\n");
    if (CHECK_DONE(checksums_parse(text, &arena, &sums, check_error)))
        CHECK(hash_equal(&checksums_find(&sums, "a b")->hash, &items[1].hash));
    CHECK_STR(checksums_format(NULL, 0, &arena), "");
}

static void a_directory_is_covered_by_the_files_below_it(struct arena arena)
{
    struct checksums sums;
    struct str text = STR(A "  a/b/c\n" A "  ab\n");
    if (!CHECK_DONE(checksums_parse(text, &arena, &sums, check_error)))
        return;
    CHECK(checksums_covers(&sums, "a", true) && checksums_covers(&sums, "a/b", true));
    CHECK(checksums_covers(&sums, "a/b/c", false) && checksums_covers(&sums, "ab", false));
    CHECK(!checksums_covers(&sums, "a/b/c", true) && !checksums_covers(&sums, "ab", true));
    CHECK(!checksums_covers(&sums, "a", false) && !checksums_covers(&sums, "a/b", false));
    CHECK(!checksums_covers(&sums, "b", true));
}

int main(void)
{
    return CHECK_ALL(
        CASE(lines_are_read_in_any_order_and_found_by_name),
        CASE(other_texts_are_refused_by_their_line), CASE(a_name_may_be_as_long_as_a_file_s),
        CASE(no_beginning_of_a_list_is_taken_for_one), CASE(what_is_written_is_read_again),
        CASE(a_directory_is_covered_by_the_files_below_it));
}
