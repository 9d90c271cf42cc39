#include "builder/inspect/package_name.h"

static bool is_lower(char character)
{
    return character >= 'a' && character <= 'z';
}

static bool is_letter(char character)
{
    return is_lower(character) || (character >= 'A' && character <= 'Z');
}

static bool is_output(struct str word)
{
    if (str_equal(word, STR("lib32")) || str_equal(word, STR("lib64")))
        return true;
    for (size_t i = 0; i < word.len; i++)
        if (!is_lower(word.data[i]))
            return false;
    return word.len > 0;
}

static struct str drop_output(struct str text)
{
    struct cut cut = str_cut_last(text, '-');
    return cut.found && is_output(cut.tail) ? cut.head : text;
}

struct package_name package_name_split(struct str text)
{
    struct str rest = drop_output(text);
    for (size_t i = 0; i + 1 < rest.len; i++)
        if (rest.data[i] == '-' && !is_letter(rest.data[i + 1]))
            return (struct package_name){
                .name = { rest.data, i },
                .version = { rest.data + i + 1, rest.len - i - 1 },
            };
    return (struct package_name){ .name = rest };
}

int package_name_compare(const struct package_name *left, const struct package_name *right)
{
    int order = str_compare(left->name, right->name);
    return order ? order : str_compare(left->version, right->version);
}
