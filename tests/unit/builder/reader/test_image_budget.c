#include "tests/check.h"

#include "builder/reader/image_budget.h"

static void each_has_its_floor_and_its_factor(void)
{
    struct image_budget budget = image_budget_make(0);
    image_budget_pay(&budget, 1000);
    CHECK_DONE(budget_spend(&budget.memory, (64 << 20) + 64000, check_error));
    CHECK_REFUSED(
        budget_spend(&budget.memory, 1, check_error),
        "memory for its tables: more than 67172864 bytes, the limit for 1000 bytes of input");
    CHECK_DONE(budget_spend(&budget.contents, ((uint64_t)4 << 30) + 64000, check_error));
    CHECK(!budget_spend(&budget.contents, 1, check_error));
    CHECK_DONE(budget_spend(&budget.space, (64 << 20) + 16000, check_error));
    CHECK(!budget_spend(&budget.space, 1, check_error));
}

static void a_limit_for_the_contents_is_theirs_alone(void)
{
    struct image_budget budget = image_budget_make(10);
    image_budget_pay(&budget, 1000);
    CHECK_DONE(budget_spend(&budget.contents, 10, check_error));
    CHECK_REFUSED(budget_spend(&budget.contents, 1, check_error),
                  "its unpacked contents: more than 10 bytes, the limit for 1000 bytes of input");
    CHECK_DONE(budget_spend(&budget.memory, 1 << 20, check_error));
}

int main(void)
{
    return CHECK_ALL(CASE(each_has_its_floor_and_its_factor),
                     CASE(a_limit_for_the_contents_is_theirs_alone));
}
