#include "schema/base/show.h"

#include "schema/base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

bool show_is_printed(uint32_t character)
{
    /* Unicode 15: the invisible characters of the categories Cc, Cf, Zl and Zp. */
    static const struct {
        uint32_t first, last;
    } others[] = {
        { 0x0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },       { 0x61c, 0x61c },
        { 0x180e, 0x180e },   { 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f },
        { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
        { 0xe0000, 0xe007f },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (character >= others[i].first && character <= others[i].last)
            return false;
    return (character & 0xfffe) != 0xfffe;
}

size_t show_first(struct str text, char ret_spelled[SHOW_SPELLED_MAX])
{
    assert(text.len > 0);
    uint32_t character;
    size_t length = utf8_first(text, &character);
    if (length > 0 && show_is_printed(character)) {
        memcpy(ret_spelled, text.data, length);
        ret_spelled[length] = '\0';
        return length;
    }
    length = length ? length : 1;
    for (size_t i = 0; i < length; i++)
        snprintf(ret_spelled + 4 * i, 5, "\\x%02x", (unsigned char)text.data[i]);
    return length;
}

size_t show_cut(struct str text, char *room, size_t size_bytes)
{
    assert(size_bytes > 0);
    size_t length = 0;
    room[0] = '\0';
    for (struct str rest = text; rest.len > 0;) {
        char spelled[SHOW_SPELLED_MAX];
        rest = str_skip(rest, show_first(rest, spelled));
        size_t more = strlen(spelled);
        if (length + more >= size_bytes)
            break;
        memcpy(room + length, spelled, more + 1);
        length += more;
    }
    return length;
}

void show_line(FILE *stream, const char *format, ...)
{
    char line[SHOW_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (stream == stderr)
        fflush(stdout);
    for (struct str rest = str_from(line); rest.len > 0;) {
        char spelled[SHOW_SPELLED_MAX];
        rest = str_skip(rest, show_first(rest, spelled));
        fputs(spelled, stream);
    }
    fputc('\n', stream);
}
