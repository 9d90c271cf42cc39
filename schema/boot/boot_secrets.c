#include "schema/boot/boot_secrets.h"

#include <string.h>

struct option_list boot_secrets_find(struct str script, struct arena *arena)
{
    static const struct str copy = STR("cp -a "), target = STR("\"$tmp/");
    struct option_list secrets = { 0 };
    while (script.len > 0) {
        struct cut line = str_cut(script, '\n');
        struct str words = line.head;
        script = line.tail;
        while (words.len > 0 && (words.data[0] == ' ' || words.data[0] == '\t'))
            words = str_skip(words, 1);
        const char *found =
            str_starts(words, copy) ? memmem(words.data, words.len, target.data, target.len) : NULL;
        if (!found)
            continue;
        struct str path = str_skip(words, (size_t)(found - words.data) + target.len);
        while (path.len > 0 && path.data[0] == '/')
            path = str_skip(path, 1);
        option_list_add(&secrets, arena_copy(arena, str_cut(path, '"').head).data, arena);
    }
    return secrets;
}
