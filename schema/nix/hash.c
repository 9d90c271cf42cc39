#include "schema/nix/hash.h"

#include "schema/nix/nix32.h"

#include <assert.h>
#include <string.h>

enum {
    HASH_NIX32_LENGTH = NIX32_LENGTH(HASH_BYTES),
};

/* Value of each digit plus one; 0 is not a digit. */
static const uint8_t hex_plus_one[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static bool parse_hex(struct str text, struct hash *ret_hash)
{
    assert(text.len == HASH_HEX_LENGTH);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        unsigned high = hex_plus_one[(unsigned char)text.data[2 * i]];
        unsigned low = hex_plus_one[(unsigned char)text.data[2 * i + 1]];
        if (high == 0 || low == 0)
            return false;
        ret_hash->bytes[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_digit(char character)
{
    const char *at = character ? strchr(base64_alphabet, character) : NULL;
    return at ? (int)(at - base64_alphabet) : -1;
}

bool hash_parse_base64(struct str text, uint8_t *ret_bytes, size_t count)
{
    unsigned bits = 0;
    size_t bit_count = 0, filled = 0;
    size_t padded = (count + 2) / 3 * 4, digits = (8 * count + 5) / 6;
    while (text.len > digits && text.len <= padded && text.data[text.len - 1] == '=')
        text.len--;
    if (text.len != digits)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (unsigned)digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            ret_bytes[filled++] = (uint8_t)(bits >> bit_count);
        }
    }
    return filled == count;
}

bool hash_parse(struct str text, struct hash *ret_hash, struct error *error)
{
    struct hash hash = { 0 };
    struct str digits = text;
    bool is_sri = str_starts(text, STR("sha256-"));
    if (is_sri || str_starts(text, STR("sha256:")))
        digits = str_skip(text, STR("sha256:").len);
    bool right = false;
    if (is_sri)
        right = hash_parse_base64(digits, hash.bytes, HASH_BYTES);
    else if (digits.len == HASH_HEX_LENGTH)
        right = parse_hex(digits, &hash);
    else if (digits.len == HASH_NIX32_LENGTH)
        right = nix32_parse(digits, hash.bytes, HASH_BYTES);
    else if (digits.len == HASH_BASE64_LENGTH)
        right = hash_parse_base64(digits, hash.bytes, HASH_BYTES);
    if (!right)
        return error_set(error, "'%.*s' is not a SHA-256 hash", STR_SHOWN(text));
    *ret_hash = hash;
    return true;
}

void hash_format_hex(const uint8_t *bytes, size_t count, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
}

struct hash_hex hash_to_hex(const struct hash *hash)
{
    struct hash_hex hex = { "" };
    hash_format_hex(hash->bytes, HASH_BYTES, hex.text);
    return hex;
}

void hash_format_base64(const uint8_t *bytes, size_t count, char *ret_text)
{
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        unsigned group = (unsigned)bytes[i] << 16;
        if (left > 1)
            group |= (unsigned)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        *ret_text++ = base64_alphabet[group >> 18];
        *ret_text++ = base64_alphabet[group >> 12 & 63];
        *ret_text++ = left > 1 ? base64_alphabet[group >> 6 & 63] : '=';
        *ret_text++ = left > 2 ? base64_alphabet[group & 63] : '=';
    }
    *ret_text = '\0';
}

bool hash_equal(const struct hash *left, const struct hash *right)
{
    return memcmp(left->bytes, right->bytes, HASH_BYTES) == 0;
}
