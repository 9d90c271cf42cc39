/* order.h — what comparisons for qsort say of numbers.
 */
#pragma once

#include <stdint.h>

/* Below, at or above 0, as the left one is. */
static inline int order_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

/* qsort's comparison of uint32_t. */
static inline int order_uint32(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return order_numbers(*a, *b);
}
