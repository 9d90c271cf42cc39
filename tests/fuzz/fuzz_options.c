/* A command line, an argument a line: it is understood or refused with a sentence, no argument is lost, and each value is
 * one that was given. */
#include "schema/base/options_help.h"
#include "schema/base/parallel.h"
#include "tests/fuzz/fuzz.h"

#include <stddef.h>
#include <string.h>

enum { ARGUMENTS_MAX = 64 };

struct values {
    const char *text, *other;
    bool flag, second;
    struct option_list list;
    int choice;
    unsigned jobs;
    uint64_t size_bytes;
    struct option_pair pair;
};

static const struct verb_spec verbs[] = {
    { "none", "", "takes nothing", 0, 0 },
    { "one", "PATH", "takes one", 1, 1 },
    { "many", "[PATH...]", "takes any number", 0, SIZE_MAX },
};

static const struct option_spec specs[] = {
    { "text", 't', OPTION_TEXT, "TEXT", "a text", offsetof(struct values, text), 7 },
    { "other", 0, OPTION_TEXT, "TEXT", "a second", offsetof(struct values, other), 4 },
    { "flag", 'f', OPTION_FLAG, NULL, "a flag", offsetof(struct values, flag), 7 },
    { "second", 0, OPTION_FLAG, NULL, "a second", offsetof(struct values, second), 2 },
    { "list", 'l', OPTION_LIST, "ITEM", "a list", offsetof(struct values, list), 7 },
    { "choice", 'c', OPTION_CHOICE, "red|green|blue", "a choice", offsetof(struct values, choice),
      7 },
    { "jobs", 'j', OPTION_JOBS, "N", "threads", offsetof(struct values, jobs), 7 },
    { "pair", 'p', OPTION_PAIR, "A B", "a pair", offsetof(struct values, pair), 7 },
    { "size", 's', OPTION_SIZE, "SIZE", "a size", offsetof(struct values, size_bytes), 7 },
};

static const struct program_spec program = {
    .name = "program",
    .summary = "It is a program.",
    .closing = NULL,
    .verbs = verbs,
    .verb_count = sizeof verbs / sizeof *verbs,
    .options = specs,
    .option_count = sizeof specs / sizeof *specs,
};

struct line {
    char *arguments[ARGUMENTS_MAX + 2];
    int count;
};

/* Is the text an argument, or the end of one? */
static void check_given(const struct line *line, const char *text)
{
    bool is_given = false;
    for (int i = 1; i < line->count; i++) {
        const char *start = line->arguments[i], *end = start + strlen(start);
        is_given |= text >= start && text <= end;
    }
    fuzz_must(is_given, "a value is one that was given");
}

static void check_values(const struct line *line, const struct values *values,
                         const struct options_result *result)
{
    const struct verb_spec *verb = &verbs[result->verb];
    fuzz_must(result->arguments.count >= verb->least && result->arguments.count <= verb->most,
              "a command has as many arguments as it takes");
    for (size_t i = 0; i < result->arguments.count; i++)
        check_given(line, result->arguments.items[i]);
    for (size_t i = 0; i < values->list.count; i++)
        check_given(line, values->list.items[i]);
    if (values->text)
        check_given(line, values->text);
    if (values->other)
        check_given(line, values->other);
    fuzz_must(!values->pair.first == !values->pair.second, "a pair is given whole");
    if (values->pair.first)
        check_given(line, values->pair.first);
    if (values->pair.second)
        check_given(line, values->pair.second);
    fuzz_must(values->choice >= 0 && values->choice < 3, "a choice is one of the words");
    fuzz_must(values->jobs <= CREW_JOBS_MAX, "there are no more threads than there can be");
    fuzz_must(!values->other || result->verb == 2, "an option is one that the command takes");
    fuzz_must(!values->second || result->verb == 1, "a flag is one that the command takes");
    /* The program, the command, and at most "--" and one word for each value and flag are no arguments. */
    fuzz_must((size_t)line->count >= 2 + result->arguments.count, "no argument is there twice");
}

static void write_help(FILE *stream, const void *value)
{
    options_print_help(stream, &program, *(const size_t *)value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct values values = { 0 };
    static char name[] = "program";
    struct line line = { .arguments = { name }, .count = 1 };
    struct error error = { 0 };
    for (struct cut cut = { .tail = fuzz_text(data, size), .found = size > 0 };
         cut.found && line.count < ARGUMENTS_MAX;) {
        cut = str_cut(cut.tail, '\n');
        line.arguments[line.count++] = (char *)arena_copy(&arena, cut.head).data;
    }
    struct options_result result =
        options_parse(&program, line.count, line.arguments, &values, &arena, &error);
    fuzz_done(result.answer != OPTIONS_WRONG, &error);
    switch (result.answer) {
    case OPTIONS_RUN:
        fuzz_must(result.verb < program.verb_count, "a command is one of the table");
        check_values(&line, &values, &result);
        break;
    case OPTIONS_HELP:
        fuzz_must(fuzz_written(write_help, &result.verb, &arena).len > 0, "there is help");
        break;
    case OPTIONS_VERSION:
    case OPTIONS_COMPLETION:
    case OPTIONS_WRONG:
        break;
    }
    return 0;
}
