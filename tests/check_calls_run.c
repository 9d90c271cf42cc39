/* In a file of its own: what it links, SQLite and all, a test that only makes calls fail does without, and may replace. */
#include "regd/command.h"
#include "tests/check_calls.h"

static bool (*tried)(struct command *command, struct error *error);
static size_t tried_number;
static bool has_failed;

static bool try_command(struct command *command, struct error *error)
{
    error->sentence[0] = '\0';
    check_calls_fail(tried_number);
    bool done = tried(command, error);
    has_failed = check_calls_end();
    return done;
}

size_t check_calls_run(bool (*work)(struct command *command, struct error *error),
                       const struct command *command, struct arena arena)
{
    size_t failures = 0;
    struct command copy = *command;
    struct check_run good = check_run(work, &copy, &arena);
    CHECK_DONE(good.done);
    tried = work;
    has_failed = true;
    for (tried_number = 1; has_failed; tried_number++) {
        struct arena scratch = arena;
        copy = *command;
        check_about("call %zu", tried_number);
        struct check_run run = check_run(try_command, &copy, &scratch);
        failures += !run.done;
        if (run.done)
            CHECK_STR(run.output, good.output);
        else
            CHECK(has_failed && check_error->sentence[0]);
    }
    return failures;
}
