#include "tests/check.h"

#include "schema/base/turns.h"

static void the_largest_comes_first(struct arena arena)
{
    (void)arena;
    struct turn turns[] = { { 3, 0 }, { UINT64_MAX, 1 }, { 0, 2 }, { (uint64_t)1 << 33, 3 } };
    static const uint32_t wanted[] = { 1, 3, 0, 2 };
    turns_sort(turns, 4);
    for (size_t i = 0; i < 4; i++)
        CHECK_NUMBER(turns[i].index, wanted[i]);
}

static void equals_keep_their_order(struct arena arena)
{
    (void)arena;
    struct turn turns[] = { { 5, UINT32_MAX }, { 5, 1 }, { 7, 9 }, { 5, 0 } };
    static const uint32_t wanted[] = { 9, 0, 1, UINT32_MAX };
    turns_sort(turns, 4);
    for (size_t i = 0; i < 4; i++)
        CHECK_NUMBER(turns[i].index, wanted[i]);
    turns_sort(NULL, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(the_largest_comes_first), CASE(equals_keep_their_order));
}
