/* utf8.h — decodes UTF-8.
 *
 * Source   RFC 3629: the shortest form only, no surrogates, nothing above U+10FFFF.
 */
#pragma once

#include "schema/base/str.h"

/* Longest character in bytes. */
enum { UTF8_BYTES_MAX = 4 };

/* Decodes the first character of the text and returns its length in bytes. Returns 0 if the text is
 * empty or does not start with valid UTF-8. */
size_t utf8_first(struct str text, uint32_t *ret_character);

/* Returns the offset of the first byte that is not UTF-8; the text's length if there is none. */
size_t utf8_wrong_from(struct str text);

/* Returns the offset of the first control character (C0, DEL, C1); the text's length if there is
 * none. Bytes that are not UTF-8 are skipped. Terminals obey control characters, and lines end at
 * them. */
size_t utf8_control_from(struct str text);
