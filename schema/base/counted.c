#include "schema/base/counted.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct counted counted(uint64_t number, const char *one)
{
    struct counted result;
    int length = (int)strlen(one);
    assert(length > 0 && length <= 40);
    const char *end = number == 1 ? "" : "s";
    bool is_retry = length > 1 && one[length - 1] == 'y' && !strchr("aeiou", one[length - 2]);
    if (number != 1 && is_retry) {
        length--;
        end = "ies";
    }
    snprintf(result.text, sizeof result.text, "%ju %.*s%s", (uintmax_t)number, length, one, end);
    return result;
}
