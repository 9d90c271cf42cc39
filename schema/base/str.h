/* str.h — byte slices: text by pointer and length, passed by value, never terminated.
 *
 * A slice does not own its bytes; it lives as long as what it was cut from (a file read into the
 * arena, a literal). Any byte may occur in it, NUL included. Order is by unsigned bytes, shorter
 * first, the same in every locale.
 */
#pragma once

#include "schema/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct str {
    const char *data;
    size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* For printf's "%.*s". Texts longer than the largest int are not printed anywhere. */
#define STR_ARG(text) (int)(text).len, (text).data

/* The same for text of foreign origin in a sentence: cut, so that the reason stays in it. */
#define STR_SHOWN(text) (int)((text).len < 300 ? (text).len : 300), (text).data

/* A slice of the terminated text (null gives the empty slice). */
struct str str_from(const char *text);

bool str_equal(struct str left, struct str right);

/* Below, at or above zero as memcmp, shorter first among equals. */
int str_compare(struct str left, struct str right);

bool str_starts(struct str text, struct str prefix);
bool str_ends(struct str text, struct str suffix);

/* Everything but the first `count` bytes; `count` is at most text.len. */
struct str str_skip(struct str text, size_t count);

struct cut {
    struct str head; /* before the separator, or all of the text */
    struct str tail; /* after it, or empty */
    bool found;
};

/* Cuts at the first (or last) separator. */
struct cut str_cut(struct str text, char separator);
struct cut str_cut_last(struct str text, char separator);

/* Are the components of a path, parted by '/', all there and none "." or ".."? */
bool str_is_plain_path(struct str path);

/* An answer, not an error: false if text is not just digits ("" is not) or is above max. Leading
 * zeros are fine; a sign or a blank is not. */
bool str_to_number(struct str text, uint64_t max, uint64_t *ret_number);
