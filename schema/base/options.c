#include "schema/base/options.h"

#include <assert.h>
#include <string.h>

/* What is known while the arguments are walked. */
struct reader {
    const struct program_spec *program;
    char **arguments; /* null-terminated; the next one first */
    char *values;
    struct arena *arena;
    struct error *error;
};

void option_list_add(struct option_list *list, const char *item, struct arena *arena)
{
    list->items = arena_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = item;
}

static const struct option_spec *find_long(const struct program_spec *program, struct str name)
{
    for (size_t i = 0; i < program->option_count; i++)
        if (str_equal(str_from(program->options[i].name), name))
            return &program->options[i];
    return NULL;
}

static const struct option_spec *find_letter(const struct program_spec *program, char letter)
{
    for (size_t i = 0; i < program->option_count; i++)
        if (program->options[i].letter == letter)
            return &program->options[i];
    return NULL;
}

static void store_value(struct reader *reader, const struct option_spec *option, const char *value)
{
    void *place = reader->values + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return;
    case OPTION_TEXT:
        *(const char **)place = value;
        return;
    case OPTION_LIST:
        option_list_add(place, value, reader->arena);
        return;
    }
}

/* Handles one argument that starts with '-' (but is not "-" or "--"). */
static bool read_option(struct reader *reader, size_t verb)
{
    const char *text = *reader->arguments++;
    bool is_long = text[1] == '-';
    struct cut cut = is_long ? str_cut(str_from(text + 2), '=')
                             : (struct cut){ .tail = str_from(text + 2), .found = text[2] };
    const struct option_spec *option =
        is_long ? find_long(reader->program, cut.head) : find_letter(reader->program, text[1]);
    if (!option)
        return error_set(reader->error, "unknown option '%s'", text);
    if (!(option->verbs >> verb & 1))
        return error_set(reader->error, "'%s' does not take the option --%s",
                         reader->program->verbs[verb].name, option->name);
    if (option->kind == OPTION_FLAG && cut.found)
        return error_set(reader->error, "the option --%s takes no value", option->name);
    const char *value = cut.found ? cut.tail.data : NULL;
    if (option->kind != OPTION_FLAG && !cut.found) {
        value = *reader->arguments;
        if (!value)
            return error_set(reader->error, "the option --%s wants %s", option->name,
                             option->argument);
        reader->arguments++;
    }
    store_value(reader, option, value);
    return true;
}

static size_t find_verb(const struct program_spec *program, const char *name)
{
    size_t i = 0;
    while (i < program->verb_count && strcmp(program->verbs[i].name, name) != 0)
        i++;
    return i;
}

static bool is_one_of(const char *text, const char *long_form, const char *short_form)
{
    return strcmp(text, long_form) == 0 || (short_form && strcmp(text, short_form) == 0);
}

/* Walks what comes behind the verb. */
static bool read_rest(struct reader *reader, struct options_result *result)
{
    bool only_positional = false;
    while (*reader->arguments) {
        const char *text = *reader->arguments;
        if (only_positional || text[0] != '-' || text[1] == '\0') {
            option_list_add(&result->arguments, text, reader->arena);
            reader->arguments++;
        } else if (strcmp(text, "--") == 0) {
            only_positional = true;
            reader->arguments++;
        } else if (is_one_of(text, "--help", "-h")) {
            result->answer = OPTIONS_HELP;
            return true;
        } else if (!read_option(reader, result->verb)) {
            return false;
        }
    }
    const struct verb_spec *verb = &reader->program->verbs[result->verb];
    if (result->arguments.count < verb->least)
        return error_set(reader->error, "'%s' wants %s", verb->name, verb->synopsis);
    if (result->arguments.count > verb->most)
        return error_set(reader->error, "'%s' does not take the argument '%s'", verb->name,
                         result->arguments.items[verb->most]);
    return true;
}

struct options_result options_parse(const struct program_spec *program, int argc, char **argv,
                                    void *values, struct arena *arena, struct error *error)
{
    struct options_result result = { .answer = OPTIONS_WRONG, .verb = program->verb_count };
    if (argc < 2) {
        error_set(error, "what is to be done? '%s --help' lists it", program->name);
        return result;
    }
    if (is_one_of(argv[1], "--help", "-h"))
        result.answer = OPTIONS_HELP;
    else if (is_one_of(argv[1], "--version", NULL))
        result.answer = OPTIONS_VERSION;
    if (result.answer != OPTIONS_WRONG)
        return result;
    result.verb = find_verb(program, argv[1]);
    if (result.verb == program->verb_count) {
        error_set(error, "unknown command '%s': '%s --help' lists them", argv[1], program->name);
        return result;
    }
    struct reader reader = { program, argv + 2, values, arena, error };
    result.answer = OPTIONS_RUN;
    if (!read_rest(&reader, &result))
        result.answer = OPTIONS_WRONG;
    return result;
}

/* Prints "  LEFT   RIGHT", RIGHT in a column of its own, continued there behind each '\n'. */
static void print_row(FILE *stream, const char *left, const char *right)
{
    enum { COLUMN = 28 };
    int width = fprintf(stream, "  %s", left);
    for (struct str rest = str_from(right); rest.len > 0;) {
        struct cut line = str_cut(rest, '\n');
        if (width >= COLUMN) {
            fputc('\n', stream);
            width = 0;
        }
        fprintf(stream, "%*s%.*s\n", COLUMN - width, "", STR_ARG(line.head));
        width = 0;
        rest = line.tail;
    }
}

static void print_option(FILE *stream, const struct option_spec *option)
{
    char left[64];
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    print_row(stream, left, option->help);
}

static void print_verbs(FILE *stream, const struct program_spec *program)
{
    fprintf(stream, "Usage: %s COMMAND [OPTION...] [ARGUMENT...]\n\n%s\n\nCommands:\n",
            program->name, program->summary);
    for (size_t i = 0; i < program->verb_count; i++) {
        char left[80];
        snprintf(left, sizeof left, "%s %s", program->verbs[i].name, program->verbs[i].synopsis);
        print_row(stream, left, program->verbs[i].help);
    }
}

void options_print_help(FILE *stream, const struct program_spec *program, size_t verb)
{
    assert(verb <= program->verb_count);
    if (verb == program->verb_count)
        print_verbs(stream, program);
    else
        fprintf(stream, "Usage: %s %s [OPTION...]%s%s\n\n%s.\n", program->name,
                program->verbs[verb].name, *program->verbs[verb].synopsis ? " " : "",
                program->verbs[verb].synopsis, program->verbs[verb].help);
    fputs("\nOptions:\n", stream);
    for (size_t i = 0; i < program->option_count; i++)
        if (verb == program->verb_count || (program->options[i].verbs >> verb & 1))
            print_option(stream, &program->options[i]);
    print_row(stream, "-h, --help", "print this, or a command's own help");
    if (verb == program->verb_count)
        print_row(stream, "    --version", "print the version");
    if (program->closing)
        fprintf(stream, "\n%s\n", program->closing);
}

bool options_flush_output(struct error *error)
{
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_set(error, "standard output could not be written");
}
