#include "schema/boot/kernel_command_line.h"

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool ends_quoted(struct str text)
{
    return text.len > 0 && text.data[text.len - 1] == '"';
}

bool kernel_command_line_next(struct str *line, struct kernel_parameter *ret_parameter)
{
    struct str text = *line;
    size_t end = 0, equals = 0;
    while (text.len > 0 && is_blank(text.data[0]))
        text = str_skip(text, 1);
    if (text.len == 0) {
        *line = text;
        return false;
    }
    bool is_quoted = text.data[0] == '"', in_quotes = is_quoted;
    text = str_skip(text, is_quoted);
    for (; end < text.len && (in_quotes || !is_blank(text.data[end])); end++) {
        if (text.data[end] == '=' && equals == 0)
            equals = end;
        in_quotes ^= text.data[end] == '"';
    }
    *line = str_skip(text, end);
    struct str word = { text.data, end };
    *ret_parameter = (struct kernel_parameter){ .name = word };
    if (equals > 0) {
        ret_parameter->name.len = equals;
        ret_parameter->has_value = true;
        word = str_skip(word, equals + 1);
        if (word.len > 0 && word.data[0] == '"') {
            word = str_skip(word, 1);
            is_quoted = true;
        }
    }
    if (is_quoted && ends_quoted(word))
        word.len--;
    *(ret_parameter->has_value ? &ret_parameter->value : &ret_parameter->name) = word;
    return true;
}
