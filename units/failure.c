#include "units/failure.h"

#include <string.h>

enum { WIDTH = 79, TEXT_WIDTH = WIDTH - 4 };

/* Returns how much of the text goes on a line: up to a space, or all that fits. */
static size_t line_length(struct str text)
{
    if (text.len <= TEXT_WIDTH)
        return text.len;
    for (size_t i = TEXT_WIDTH; i > 0; i--)
        if (text.data[i] == ' ')
            return i;
    size_t length = TEXT_WIDTH;
    while (length > 1 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static struct str add_lines(struct str frame, struct str text, struct arena *arena)
{
    while (text.len > 0) {
        size_t length = line_length(text);
        frame = arena_format(arena, "%.*s* %-*.*s *\n", STR_ARG(frame), TEXT_WIDTH, (int)length,
                             text.data);
        text = str_skip(text, length);
        while (text.len > 0 && text.data[0] == ' ')
            text = str_skip(text, 1);
    }
    return frame;
}

static struct str next_step(const struct failure *failure, struct arena *arena)
{
    switch (failure->action) {
    case FAILURE_REBOOT:
        return arena_format(arena, "The machine reboots in %u s.", failure->seconds);
    case FAILURE_POWEROFF:
        return arena_format(arena, "The machine powers off in %u s.", failure->seconds);
    case FAILURE_SHELL:
        break;
    }
    return STR("The emergency shell follows.");
}

struct str failure_frame(struct str what, struct str sentence, const struct failure *failure,
                         struct arena *arena)
{
    char edge[WIDTH + 2];
    memset(edge, '*', WIDTH);
    edge[WIDTH] = '\n';
    edge[WIDTH + 1] = '\0';
    struct str frame = arena_copy(arena, str_from(edge));
    frame = add_lines(frame, what, arena);
    frame = add_lines(frame, arena_show(arena, sentence), arena);
    frame = add_lines(frame, next_step(failure, arena), arena);
    return arena_format(arena, "%.*s%s", STR_ARG(frame), edge);
}
