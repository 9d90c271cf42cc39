/* str.h — byte slices: text as pointer and length, passed by value, not NUL-terminated.
 *
 * A slice does not own its bytes; it is valid as long as the text it was cut from (a file read into
 * the arena, a literal). It may contain any byte, even NUL. Slices are ordered by their bytes,
 * unsigned, a prefix first; the order is the same in every locale.
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

/* Arguments for printf's "%.*s". No text longer than INT_MAX is ever printed. */
#define STR_ARG(text) (int)(text).len, (text).data

/* The same for foreign text in an error sentence: cut at 300 bytes, so that the cause still
 * fits. */
#define STR_SHOWN(text) str_shown_length(text), (text).data
static inline int str_shown_length(struct str text)
{
    return text.len < 300 ? (int)text.len : 300;
}

/* Makes a slice of a NUL-terminated text; of null, the empty slice. */
struct str str_from(const char *text);

bool str_equal(struct str left, struct str right);

/* Returns a number below, equal to or above 0, as memcmp does; a prefix comes first. */
int str_compare(struct str left, struct str right);

bool str_starts(struct str text, struct str prefix);
bool str_ends(struct str text, struct str suffix);

/* Returns the text without its first `count` bytes. `count` must not exceed text.len. */
struct str str_skip(struct str text, size_t count);

struct cut {
    struct str head; /* before the separator; the whole text if not found */
    struct str tail; /* after it; empty if not found */
    bool found;
};

/* Cut the text at the first, or last, separator. */
struct cut str_cut(struct str text, char separator);
struct cut str_cut_last(struct str text, char separator);

/* Is it a path whose components, separated by '/', are not empty and not "." or ".."? */
bool str_is_plain_path(struct str path);

/* Parses a decimal number. Returns false, without a sentence, if the text is empty, has a character
 * that is not a digit, or is above max. Leading zeros are accepted; signs and spaces are not. */
bool str_to_number(struct str text, uint64_t max, uint64_t *ret_number);
