/* order.h — comparisons of numbers for qsort.
 */
#pragma once

#include <stdint.h>

/* Returns a number below, equal to or above 0 if `left` is below, equal to or above `right`. */
static inline int order_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

/* The same for qsort, on items of type uint32_t. */
static inline int order_uint32(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return order_numbers(*a, *b);
}
