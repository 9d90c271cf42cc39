/* hash.h — a SHA-256 and its spellings in Nix.
 *
 * Shape    Read:    64 hex digits (either case), 52 nix32 digits or 44 characters of base64, each
 *                   bare or after "sha256:"; or SRI, "sha256-" and base64 with or without '='.
 *          Written: 64 lower-case hex digits, bare (the manifest of nix-store --dump-db) or after
 *          "sha256:" (the database).
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

/* Parses any of the spellings. The unused low bits of base64 are ignored, as in Nix. */
must_check bool hash_parse(struct str text, struct hash *ret_hash, struct error *error);

/* Parses base64. Returns false, without a sentence, if the text does not encode exactly `count`
 * bytes. The '=' at the end may be missing; the unused low bits of the last digit are ignored. */
bool hash_parse_base64(struct str text, uint8_t *ret_bytes, size_t count);

/* Writes `count` bytes as lower-case hex digits, without a terminator. */
void hash_format_hex(const uint8_t *bytes, size_t count, char *ret_text);

/* A hash as 64 lower-case hex digits, with a terminator. */
struct hash_hex {
    char text[HASH_HEX_LENGTH + 1];
};

struct hash_hex hash_to_hex(const struct hash *hash);

/* Writes `count` bytes as base64 with '=', and a terminator. */
void hash_format_base64(const uint8_t *bytes, size_t count, char *ret_text);

bool hash_equal(const struct hash *left, const struct hash *right);
