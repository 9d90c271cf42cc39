#include "schema/base/text_stream.h"

#include <assert.h>

/* Writes all or nothing. Less than all is an error of the stream, which then keeps it. */
static ssize_t append(void *cookie, const char *bytes, size_t count)
{
    struct text_stream *text = cookie;
    if (count > text->room - text->length)
        return 0;
    memcpy(text->text + text->length, bytes, count);
    text->length += count;
    return (ssize_t)count;
}

bool text_stream_open(struct text_stream *ret_text, struct arena *arena, struct error *error)
{
    cookie_io_functions_t functions = { .write = append };
    char *arena_end = arena->end;
    FILE *stream = fopencookie(ret_text, "w", functions);
    if (!stream)
        return error_set(error, "out of memory");
    struct arena part = arena_split(arena, arena_left(arena) / 2);
    size_t room = arena_left(&part) / 2;
    *ret_text = (struct text_stream){
        .stream = stream,
        .arena = arena,
        .arena_end = arena_end,
        .text = arena_room(&part, room),
        .room = room,
    };
    return true;
}

/* Closes the stream, frees the part of the arena, and returns whether the text is whole. */
static bool end(struct text_stream *text)
{
    bool written = !ferror(text->stream);
    written = fclose(text->stream) == 0 && written;
    text->arena->end = text->arena_end;
    text->stream = NULL;
    return written;
}

bool text_stream_finish(struct text_stream *text, struct str *ret_text, struct error *error)
{
    assert(text->stream);
    if (!end(text))
        return error_set(error, "out of memory");
    *ret_text = arena_copy(text->arena, (struct str){ text->text, text->length });
    return true;
}

void text_stream_close(struct text_stream *text)
{
    if (text->stream)
        end(text);
}
