/* utf8.h — where a character of UTF-8 ends, and which it is.
 *
 * Source   RFC 3629: the shortest form only, no surrogates, nothing above U+10FFFF.
 */
#pragma once

#include "schema/base/str.h"

/* Longest character in bytes. */
enum { UTF8_BYTES_MAX = 4 };

/* The length in bytes of the character that the text begins with, and the character. 0: the text is
 * empty, or begins with a byte that is no UTF-8. */
size_t utf8_first(struct str text, uint32_t *ret_character);

/* Where the text is no UTF-8 any more; its length: nowhere. */
size_t utf8_wrong_from(struct str text);

/* Where the text's first control character is, C0, DEL or C1; its length: nowhere. A terminal obeys
 * them, and lines end at them. What is no UTF-8 is passed over. */
size_t utf8_control_from(struct str text);
