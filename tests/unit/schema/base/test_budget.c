#include "tests/check.h"

#include "schema/base/budget.h"
#include "schema/base/parallel.h"

static void a_floor_and_a_factor_make_the_limit(void)
{
    struct budget budget = { .what = "contents", .floor_bytes = 10, .factor = 3 };
    CHECK_DONE(budget_spend(&budget, 10, check_error));
    CHECK_DONE(budget_check(&budget, check_error));
    CHECK_REFUSED(budget_spend(&budget, 1, check_error),
                  "contents: more than 10 bytes, the limit for 0 bytes of input");
    budget_pay(&budget, 5);
    CHECK_REFUSED(budget_spend(&budget, 16, check_error),
                  "contents: more than 25 bytes, the limit for 5 bytes of input");
    CHECK_REFUSED(budget_check(&budget, check_error),
                  "contents: more than 25 bytes, the limit for 5 bytes of input");
    CHECK_DONE(budget_spend(&budget, 15, check_error));
    CHECK(budget.spent_bytes == 25);
}

static void a_given_limit_stands_for_both(void)
{
    struct budget budget = {
        .what = "contents", .remedy = "ask", .floor_bytes = 10, .factor = 3, .limit_bytes = 4
    };
    budget_pay(&budget, 5);
    CHECK_REFUSED(budget_spend(&budget, 5, check_error),
                  "contents: more than 4 bytes, the limit for 5 bytes of input; ask");
    CHECK_DONE(budget_spend(&budget, 4, check_error));
}

static void no_number_is_too_large(void)
{
    struct budget budget = { .what = "contents", .floor_bytes = UINT64_MAX - 1, .factor = 9 };
    budget_pay(&budget, UINT64_MAX / 2);
    CHECK_DONE(budget_spend(&budget, UINT64_MAX, check_error));
    CHECK_REFUSED(budget_spend(&budget, 1, check_error),
                  "contents: more than 18446744073709551615 bytes, the limit for "
                  "9223372036854775807 bytes of input");
}

static void holes_are_not_real(void)
{
    CHECK(budget_real_bytes(&(struct stat){ .st_size = 1000, .st_blocks = 8 }) == 1000);
    CHECK(budget_real_bytes(&(struct stat){ .st_size = 4097, .st_blocks = 8 }) == 4097);
    CHECK(budget_real_bytes(&(struct stat){ .st_size = 1 << 20, .st_blocks = 8 }) == 4096);
    CHECK(budget_real_bytes(&(struct stat){ .st_size = INT64_MAX, .st_blocks = 0 }) == 0);
    CHECK(budget_real_bytes(&(struct stat){ .st_size = -1, .st_blocks = -1 }) == 0);
}

enum { TASKS = 10000 };

static bool spend_one(void *context, const struct crew_member *member, size_t index,
                      struct error *error)
{
    (void)member, (void)index;
    return budget_spend(context, 1, error);
}

static void threads_share_one(void)
{
    struct budget budget = { .what = "contents", .floor_bytes = TASKS };
    CHECK_DONE(parallel_run(&(struct crew){ .jobs = 4 }, TASKS, spend_one, &budget, check_error));
    CHECK(budget.spent_bytes == TASKS);
    CHECK_REFUSED(budget_spend(&budget, 1, check_error),
                  "contents: more than 10000 bytes, the limit for 0 bytes of input");
}

int main(void)
{
    return CHECK_ALL(CASE(a_floor_and_a_factor_make_the_limit), CASE(a_given_limit_stands_for_both),
                     CASE(no_number_is_too_large), CASE(holes_are_not_real),
                     CASE(threads_share_one));
}
