#include "schema/nix/nix32.h"

#include <assert.h>
#include <string.h>

static const char alphabet[] = "0123456789abcdfghijklmnpqrsvwxyz";

/* Value of each character plus one; 0 is not a digit. */
static const uint8_t digit_plus_one[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['f'] = 15, ['g'] = 16,
    ['h'] = 17, ['i'] = 18, ['j'] = 19, ['k'] = 20, ['l'] = 21, ['m'] = 22, ['n'] = 23, ['p'] = 24,
    ['q'] = 25, ['r'] = 26, ['s'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32,
};

bool nix32_is_digit(char character)
{
    return digit_plus_one[(unsigned char)character] != 0;
}

void nix32_format(const uint8_t *bytes, size_t count, char *ret_text)
{
    size_t length = NIX32_LENGTH(count);
    for (size_t i = 0; i < length; i++) {
        size_t bit = (length - 1 - i) * 5;
        assert(bit / 8 < count);
        unsigned pair = bytes[bit / 8];
        if (bit / 8 + 1 < count)
            pair |= (unsigned)bytes[bit / 8 + 1] << 8;
        ret_text[i] = alphabet[pair >> (bit % 8) & 31];
    }
}

bool nix32_parse(struct str text, uint8_t *ret_bytes, size_t count)
{
    if (text.len != NIX32_LENGTH(count))
        return false;
    memset(ret_bytes, 0, count);
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = digit_plus_one[(unsigned char)text.data[i]];
        if (digit == 0)
            return false;
        size_t bit = (text.len - 1 - i) * 5;
        assert(bit / 8 < count);
        unsigned pair = (digit - 1) << (bit % 8);
        ret_bytes[bit / 8] |= (uint8_t)pair;
        if (bit / 8 + 1 < count)
            ret_bytes[bit / 8 + 1] |= (uint8_t)(pair >> 8);
        else if (pair >> 8)
            return false;
    }
    return true;
}
