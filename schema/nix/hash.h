/* hash.h — a SHA-256 and the ways Nix spells it.
 *
 * Shape    Read:    64 hex digits (either case), 52 nix32 digits or 44 characters of base64, each
 *                   bare or behind "sha256:"; or SRI, "sha256-" and base64 with or without its '='.
 *          Written: 64 lower-case hex digits, bare (the manifest of nix-store --dump-db) or behind
 *                   "sha256:" (the database).
 * Source   Nix, src/libutil/hash.cc, parseNonSRIUnprefixed and parseSRI.
 */
#pragma once

#include "schema/base/str.h"

enum {
    HASH_BYTES = 32,
    HASH_HEX_LENGTH = 64,
    HASH_BASE64_LENGTH = 44,
};

struct hash {
    uint8_t bytes[HASH_BYTES];
};

/* Reads any of the spellings. The unused low bits of a base64 spelling do not count, as in Nix. */
must_check bool hash_parse(struct str text, struct hash *ret_hash, struct error *error);

/* An answer: false if text is not the base64 of exactly `count` bytes. The '=' at the end may be
 * missing; the unused low bits of the last digit do not count. */
bool hash_parse_base64(struct str text, uint8_t *ret_bytes, size_t count);

/* Writes `count` bytes as lower-case hex digits, unterminated. */
void hash_format_hex(const uint8_t *bytes, size_t count, char *ret_text);

/* A hash as 64 lower-case hex digits, terminated. */
struct hash_hex {
    char text[HASH_HEX_LENGTH + 1];
};

struct hash_hex hash_to_hex(const struct hash *hash);

/* Writes `count` bytes as base64 with its '=', terminated. */
void hash_format_base64(const uint8_t *bytes, size_t count, char *ret_text);

bool hash_equal(const struct hash *left, const struct hash *right);
