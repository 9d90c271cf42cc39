#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct arena fuzz_arena(void)
{
    static struct arena whole;
    struct error error;
    if (!whole.next)
        fuzz_must(arena_reserve(&whole, (size_t)1 << 30, &error), "an arena is there");
    return whole;
}

struct str fuzz_text(const uint8_t *data, size_t size)
{
    static char *copy;
    free(copy);
    copy = malloc(size ? size : 1);
    fuzz_must(copy != NULL, "memory is there");
    if (size > 0)
        memcpy(copy, data, size);
    return (struct str){ copy, size };
}

void fuzz_must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "it does not hold that %s\n", what);
    abort();
}

struct fuzz_count fuzz_count;

bool fuzz_done(bool done, const struct error *error)
{
    fuzz_must(done || error->sentence[0] != '\0', "a refusal has a sentence");
    if (done)
        fuzz_count.accepted++;
    else
        fuzz_count.refused++;
    return done;
}

void fuzz_same(struct str got, struct str want, const char *what)
{
    if (!str_equal(got, want))
        fprintf(stderr, "got: %.*s\nwant: %.*s\n", STR_ARG(got), STR_ARG(want));
    fuzz_must(str_equal(got, want), what);
}

struct str fuzz_written(void (*write)(FILE *stream, const void *value), const void *value,
                        struct arena *arena)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    fuzz_must(stream != NULL, "a stream is there");
    write(stream, value);
    fuzz_must(fclose(stream) == 0, "all is written");
    struct str text = arena_copy(arena, (struct str){ bytes, size });
    free(bytes);
    return text;
}
