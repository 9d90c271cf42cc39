/* nix32.h — Nix's base-32: five bits a character, last bits first.
 *
 * Shape    The alphabet is "0123456789abcdfghijklmnpqrsvwxyz" (no e, o, u, t), lower case only.
 *          N bytes take ceil(8N/5) characters; the bits left over in the first one are zero.
 * Source   Nix, src/libutil/hash.cc: printHash32 and parse (2.3 to today).
 */
#pragma once

#include "schema/base/str.h"

#define NIX32_LENGTH(bytes) (((bytes)*8 + 4) / 5)

/* Is it a character of the alphabet? */
bool nix32_is_digit(char character);

/* Writes NIX32_LENGTH(count) characters, unterminated. */
void nix32_format(const uint8_t *bytes, size_t count, char *ret_text);

/* An answer: false if text is not the spelling of exactly `count` bytes. */
bool nix32_parse(struct str text, uint8_t *ret_bytes, size_t count);
