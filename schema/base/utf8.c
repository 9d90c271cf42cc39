#include "schema/base/utf8.h"

/* For each length: the leading bits of the first byte, and the smallest character that needs it. */
static const struct {
    unsigned char mask, mark;
    uint32_t least;
} forms[UTF8_BYTES_MAX + 1] = {
    [1] = { 0x80, 0x00, 0x0 },
    [2] = { 0xe0, 0xc0, 0x80 },
    [3] = { 0xf0, 0xe0, 0x800 },
    [4] = { 0xf8, 0xf0, 0x10000 },
};

static size_t length_by_first(unsigned char first)
{
    for (size_t length = 1; length <= UTF8_BYTES_MAX; length++)
        if ((first & forms[length].mask) == forms[length].mark)
            return length;
    return 0;
}

size_t utf8_first(struct str text, uint32_t *ret_character)
{
    size_t length = text.len ? length_by_first((unsigned char)text.data[0]) : 0;
    if (length == 0 || length > text.len)
        return 0;
    uint32_t character = (unsigned char)text.data[0] & ~(uint32_t)forms[length].mask & 0xff;
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (byte & 0x3f);
    }
    bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < forms[length].least || is_surrogate || character > 0x10ffff)
        return 0;
    *ret_character = character;
    return length;
}

size_t utf8_wrong_from(struct str text)
{
    uint32_t character;
    size_t at = 0, length;
    while ((length = utf8_first(str_skip(text, at), &character)) > 0)
        at += length;
    return at;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

size_t utf8_control_from(struct str text)
{
    uint32_t character = 0;
    size_t at = 0;
    while (at < text.len) {
        size_t length = utf8_first(str_skip(text, at), &character);
        if (length > 0 && is_control(character))
            break;
        at += length > 0 ? length : 1;
    }
    return at;
}
