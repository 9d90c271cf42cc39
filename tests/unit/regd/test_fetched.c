#include "tests/check_store.h"

#include "regd/fetched.h"

static void without_a_report_nothing_was_fetched(struct arena arena)
{
    const struct fetch_report *report;
    struct store store = check_store(&arena);
    CHECK_DONE(fetched_read(&store, &arena, &report, check_error));
    CHECK(!report);
    check_store_close(&store);
}

static void a_fetch_that_did_not_end_is_told(struct arena arena)
{
    struct fetch_report report = { .state = FETCH_RUNNING };
    CHECK_STR(fetched_summary(&report, &arena), "not finished");
    report.state = FETCH_FAILED;
    report.error = "no server is left";
    CHECK_STR(fetched_summary(&report, &arena), "no server is left");
    struct fetch_report_layer layer = { .name = "n" };
    CHECK_STR(fetched_layer(&layer, &arena), "n from nowhere");
}

int main(void)
{
    return CHECK_ALL(CASE(without_a_report_nothing_was_fetched),
                     CASE(a_fetch_that_did_not_end_is_told));
}
