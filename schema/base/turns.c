#include "schema/base/turns.h"

#include "schema/base/order.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;
    int order = order_numbers(b->size_bytes, a->size_bytes);
    return order ? order : order_numbers(a->index, b->index);
}

void turns_sort(struct turn *turns, size_t count)
{
    if (count)
        qsort(turns, count, sizeof *turns, compare);
}

void turns_large_first(struct turn *turns, size_t count, unsigned jobs)
{
    enum { PARTS = 16 };
    uint64_t part = 0;
    for (size_t i = 0; i < count; i++)
        part += turns[i].size_bytes / ((uint64_t)jobs * PARTS);
    for (size_t i = 0; i < count; i++)
        if (turns[i].size_bytes <= part)
            turns[i].size_bytes = 0;
    turns_sort(turns, count);
}
