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
