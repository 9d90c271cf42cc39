#include "tests/check.h"

#include "builder/output/report.h"

#include <unistd.h>

static void a_note_is_a_line_unless_quiet(struct arena arena)
{
    struct check_output output = check_keep(STDERR_FILENO);
    report_note(false, "%s", "a\nb");
    report_note(true, "not told");
    CHECK_STR(check_kept(&output, &arena), "regd-build: a\\x0ab\n");
}

static void a_warning_says_so(struct arena arena)
{
    struct check_output output = check_keep(STDERR_FILENO);
    report_warning("%d\x1b[1m", 2);
    CHECK_STR(check_kept(&output, &arena), "regd-build: warning: 2\\x1b[1m\n");
}

static void warnings_are_kept_on_request(struct arena arena)
{
    struct check_output output = check_keep(STDERR_FILENO);
    report_warning("not kept");
    CHECK_NUMBER(report_warnings()->count, 0);
    if (CHECK_DONE(report_keep_warnings(check_error))) {
        for (size_t i = 0; i < 1000; i++)
            report_warning("%zu\x1b", i);
        report_note(false, "a note");
    }
    check_kept(&output, &arena);
    CHECK_NUMBER(report_warnings()->count, 1000);
    CHECK_STR(report_warnings()->items[0], "0\x1b");
    CHECK_STR(report_warnings()->items[999], "999\x1b");
}

static void numbers_are_of_bytes(void)
{
    CHECK(report_mebibytes(0) == 0.0);
    CHECK(report_mebibytes(3 << 19) == 1.5);
    CHECK(report_percent(1, 4) == 25.0);
    CHECK(report_percent(0, 0) == 100.0);
    CHECK(report_percent(UINT64_MAX, UINT64_MAX) == 100.0);
}

int main(void)
{
    return CHECK_ALL(CASE(a_note_is_a_line_unless_quiet), CASE(a_warning_says_so),
                     CASE(warnings_are_kept_on_request), CASE(numbers_are_of_bytes));
}
