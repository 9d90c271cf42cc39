#include "builder/output/progress.h"
#include "schema/base/own.h"
#include "tests/check.h"

/* What is written to standard error meanwhile. */
static struct str shown(struct progress *progress, uint64_t first, uint64_t second,
                        struct arena *arena)
{
    static char text[4096];
    int saved = dup(STDERR_FILENO);
    cleanup(own_close_file) FILE *file = tmpfile();
    CHECK(saved >= 0 && file);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    progress_start(progress, "reading", 4 << 20);
    progress_add(progress, first);
    if (progress)
        progress->shown.tv_sec -= 1;
    progress_add(progress, second);
    progress_end(progress);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t length = fread(text, 1, sizeof text, file);
    return arena_copy(arena, (struct str){ text, length });
}

static void a_line_is_rewritten_and_taken_away(struct arena arena)
{
    struct progress progress = PROGRESS_NONE;
    progress.is_shown = true;
    struct str text = shown(&progress, 1, (2 << 20) - 1, &arena);
    CHECK(str_starts(text, STR("\rreading 50 % of 4 MiB, ")));
    CHECK(str_ends(text, STR(" s left\33[K\r\33[K")));
    CHECK_NUMBER(progress.done, 2 << 20);
}

static void in_the_beginning_nothing_is_known_of_the_end(struct arena arena)
{
    struct progress progress = PROGRESS_NONE;
    progress.is_shown = true;
    CHECK_STR(shown(&progress, 1, 1, &arena), "\rreading 0 % of 4 MiB\33[K\r\33[K");
}

static void what_is_not_shown_says_nothing(struct arena arena)
{
    struct progress progress = PROGRESS_NONE;
    CHECK_STR(shown(&progress, 1, 1 << 20, &arena), "");
    CHECK_STR(shown(NULL, 1, 1 << 20, &arena), "");
    CHECK_NUMBER(progress.done, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(a_line_is_rewritten_and_taken_away),
                     CASE(in_the_beginning_nothing_is_known_of_the_end),
                     CASE(what_is_not_shown_says_nothing));
}
