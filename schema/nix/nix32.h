/* nix32.h — Nix's base-32: five bits per character, the last bits first.
 *
 * Shape    The alphabet is "0123456789abcdfghijklmnpqrsvwxyz" (no e, o, u, t), lower case only. N
 *          bytes take ceil(8N/5) characters; the unused bits of the first character are zero.
 * Source   Nix, src/libutil/hash.cc: printHash32 and parse (2.3 to today).
 */
#pragma once

#include "schema/base/str.h"

#define NIX32_LENGTH(bytes) (((bytes)*8 + 4) / 5)

/* Is it a character of the alphabet? */
bool nix32_is_digit(char character);

/* Writes NIX32_LENGTH(count) characters, without a terminator. */
void nix32_format(const uint8_t *bytes, size_t count, char *ret_text);

/* Parses nix32. Returns false, without a sentence, if the text does not encode exactly `count`
 * bytes. */
bool nix32_parse(struct str text, uint8_t *ret_bytes, size_t count);
