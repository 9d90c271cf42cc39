#include "units/initrd_unit.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

const char *initrd_unit_name(struct arena *arena, const char *path, const char *suffix)
{
    assert(path[0] == '/' && path[1] != '\0');
    char *name = arena_room(arena, strlen(path) * 4 + strlen(suffix) + 1);
    size_t length = 0;
    for (const char *at = path + 1; *at; at++) {
        bool is_kept = *at == ':' || *at == '_' || (*at == '.' && at != path + 1) ||
                       (isascii(*at) && isalnum(*at));
        if (*at == '/')
            name[length++] = '-';
        else if (is_kept)
            name[length++] = *at;
        else
            length += (size_t)snprintf(name + length, 5, "\\x%02x", (unsigned char)*at);
    }
    assert(length <= strlen(path) * 4);
    memcpy(name + length, suffix, strlen(suffix) + 1);
    return name;
}

/* Puts a byte before each of the bytes in `marked`: itself, or a backslash. */
static const char *mark(struct arena *arena, const char *text, const char *marked)
{
    char *copy = arena_room(arena, strlen(text) * 2 + 1);
    size_t length = 0;
    for (; *text; text++) {
        if (strchr(marked, *text))
            copy[length++] = *text == '%' ? '%' : '\\';
        copy[length++] = *text;
    }
    copy[length] = '\0';
    return copy;
}

const char *initrd_unit_value(struct arena *arena, const char *text)
{
    return mark(arena, text, "%");
}

const char *initrd_unit_word(struct arena *arena, const char *text)
{
    return arena_format(arena, "\"%s\"", mark(arena, text, "%\"\\")).data;
}

void initrd_unit_add(struct initrd_unit_list *units, const char *name, const char *text,
                     struct arena *arena)
{
    units->items =
        arena_grow(arena, units->items, units->count, &units->capacity, sizeof *units->items);
    units->items[units->count++] = (struct initrd_unit){ .name = name, .text = text };
}

void initrd_unit_add_mount(struct initrd_unit_list *units, const char *where, const char *text,
                           struct arena *arena)
{
    initrd_unit_add(units, initrd_unit_name(arena, where, ".mount"), text, arena);
}

void initrd_unit_require(struct initrd_unit_list *units, const char *target, const char *where,
                         struct arena *arena)
{
    const char *name = initrd_unit_name(arena, where, ".mount");
    initrd_unit_add(units, arena_format(arena, "%s.requires/%s", target, name).data, NULL, arena);
    units->items[units->count - 1].target = arena_format(arena, "../%s", name).data;
}
