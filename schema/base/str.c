#include "schema/base/str.h"

#include "schema/base/order.h"

#include <assert.h>
#include <string.h>

struct str str_from(const char *text)
{
    return (struct str){ text, text ? strlen(text) : 0 };
}

bool str_equal(struct str left, struct str right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
}

int str_compare(struct str left, struct str right)
{
    size_t common = left.len < right.len ? left.len : right.len;
    int order = common ? memcmp(left.data, right.data, common) : 0;
    if (order != 0)
        return order;
    return order_numbers(left.len, right.len);
}

bool str_starts(struct str text, struct str prefix)
{
    return text.len >= prefix.len && str_equal((struct str){ text.data, prefix.len }, prefix);
}

bool str_ends(struct str text, struct str suffix)
{
    return text.len >= suffix.len && str_equal(str_skip(text, text.len - suffix.len), suffix);
}

struct str str_skip(struct str text, size_t count)
{
    assert(count <= text.len);
    return count ? (struct str){ text.data + count, text.len - count } : text;
}

static struct cut cut_at(struct str text, const char *separator)
{
    if (!separator)
        return (struct cut){ .head = text, .tail = { text.data, 0 }, .found = false };
    size_t length = (size_t)(separator - text.data);
    return (struct cut){
        .head = { text.data, length },
        .tail = { separator + 1, text.len - length - 1 },
        .found = true,
    };
}

struct cut str_cut(struct str text, char separator)
{
    return cut_at(text, text.len ? memchr(text.data, separator, text.len) : NULL);
}

struct cut str_cut_last(struct str text, char separator)
{
    return cut_at(text, text.len ? memrchr(text.data, separator, text.len) : NULL);
}

bool str_is_plain_path(struct str path)
{
    for (struct cut cut = { .tail = path, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (cut.head.len == 0 || str_equal(cut.head, STR(".")) || str_equal(cut.head, STR("..")))
            return false;
    }
    return true;
}

bool str_to_number(struct str text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || number > max / 10 || digit > max - number * 10)
            return false;
        number = number * 10 + digit;
    }
    if (text.len == 0)
        return false;
    *ret_number = number;
    return true;
}
