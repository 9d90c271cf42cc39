/* text_stream.h — a stream whose text ends up in an arena, for functions that write to a stream.
 *
 * Why      open_memstream loses text and reports nothing if memory for it is exhausted: a write that
 *          does not fit sets no error, and fclose drops the whole text (glibc 2.36, strops.c and
 *          memstream.c). A manifest with a hole would then be published.
 * Memory   While the stream is open, the last half of what is left of the arena is split off. The text
 *          may be half as long as that. The rest can be used as before, also as a scratch.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/own.h"

struct text_stream {
    FILE *stream;        /* write here */
    struct arena *arena; /* gets the text */
    char *arena_end;     /* the arena's end before a part was split off */
    char *text;          /* what was written; in that part */
    size_t length, room;
};
#define TEXT_STREAM_CLOSED ((struct text_stream){ .stream = NULL })

/* Closes and frees what text_stream_finish has not. For `cleanup`. */
void text_stream_close(struct text_stream *text);

/* *ret_text must stay where it is until it is finished or closed. */
must_check bool text_stream_open(struct text_stream *ret_text, struct arena *arena,
                                 struct error *error);

/* Closes the stream and copies what was written into the arena. Fails if any of it was lost. */
must_check bool text_stream_finish(struct text_stream *text, struct str *ret_text,
                                   struct error *error);
