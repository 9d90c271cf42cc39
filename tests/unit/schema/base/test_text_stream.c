#include "tests/check.h"

#include "schema/base/text_stream.h"

static void write_numbers(FILE *stream, int count)
{
    for (int i = 0; i < count; i++)
        fprintf(stream, "%07d\n", i);
}

static void the_text_is_what_was_written(struct arena arena)
{
    enum { COUNT = 20000, LENGTH = 8 };
    struct text_stream text;
    struct str got;
    CHECK_DONE(text_stream_open(&text, &arena, check_error));
    write_numbers(text.stream, COUNT);
    CHECK_DONE(text_stream_finish(&text, &got, check_error));
    if (!CHECK_NUMBER(got.len, COUNT * LENGTH))
        return;
    for (int i = 0; i < COUNT; i++) {
        struct arena scratch = arena;
        CHECK_STR(((struct str){ got.data + i * LENGTH, LENGTH }),
                  arena_format(&scratch, "%07d\n", i));
    }
    CHECK_NUMBER(got.data[got.len], 0);
}

static void nothing_is_a_text(struct arena arena)
{
    struct text_stream text;
    struct str got;
    CHECK_DONE(text_stream_open(&text, &arena, check_error));
    CHECK_DONE(text_stream_finish(&text, &got, check_error));
    CHECK_STR(got, "");
}

static void the_arena_serves_as_scratch_meanwhile(struct arena arena)
{
    struct text_stream text;
    struct str got;
    struct arena small = arena_split(&arena, 1 << 20);
    char *end = small.end;
    CHECK_DONE(text_stream_open(&text, &small, check_error));
    fputs("before ", text.stream);
    fflush(text.stream);
    struct arena scratch = small;
    memset(arena_room(&scratch, 400 << 10), 'x', 400 << 10);
    fputs("after", text.stream);
    CHECK_DONE(text_stream_finish(&text, &got, check_error));
    CHECK_STR(got, "before after");
    CHECK(small.end == end);
}

/* What does not fit is not left out: the next write, which would fit, makes it no whole text. */
static void a_text_with_a_hole_is_refused(struct arena arena)
{
    struct text_stream text;
    struct str got;
    struct arena small = arena_split(&arena, 64 << 10);
    char *end = small.end;
    CHECK_DONE(text_stream_open(&text, &small, check_error));
    write_numbers(text.stream, 10000);
    fflush(text.stream);
    fputs("end", text.stream);
    CHECK_REFUSED(text_stream_finish(&text, &got, check_error), "out of memory");
    CHECK(small.end == end && text.stream == NULL);
}

static void a_text_that_is_given_up_leaves_nothing(struct arena arena)
{
    char *next = arena.next, *end = arena.end;
    {
        cleanup(text_stream_close) struct text_stream text = TEXT_STREAM_CLOSED;
        CHECK_DONE(text_stream_open(&text, &arena, check_error));
        fputs("lost", text.stream);
    }
    CHECK(arena.next == next && arena.end == end);
}

int main(void)
{
    return CHECK_ALL(CASE(the_text_is_what_was_written), CASE(nothing_is_a_text),
                     CASE(the_arena_serves_as_scratch_meanwhile),
                     CASE(a_text_with_a_hole_is_refused),
                     CASE(a_text_that_is_given_up_leaves_nothing));
}
