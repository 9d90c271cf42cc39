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

/* Of two threads each has 16 parts of 320: only what is above that is large. */
static void small_ones_keep_their_order(struct arena arena)
{
    (void)arena;
    struct turn turns[] = { { 32, 0 }, { 320, 1 }, { 352, 2 }, { 64, 3 }, { 9472, 4 } };
    static const uint32_t wanted[] = { 4, 2, 0, 1, 3 };
    turns_large_first(turns, 5, 2);
    for (size_t i = 0; i < 5; i++)
        CHECK_NUMBER(turns[i].index, wanted[i]);
    CHECK_NUMBER(turns[1].size_bytes, 352);
    CHECK_NUMBER(turns[2].size_bytes, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(the_largest_comes_first), CASE(equals_keep_their_order),
                     CASE(small_ones_keep_their_order));
}
