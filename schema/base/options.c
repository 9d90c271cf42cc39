#include "schema/base/options.h"

#include "schema/base/parallel.h"

#include <assert.h>
#include <string.h>

/* The state of parsing. */
struct reader {
    const struct program_spec *program;
    char **arguments; /* those not parsed yet; null-terminated */
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

/* Writes "a|b|c" as "a, b or c". */
static const char *list_choices(const char *choices, struct arena *arena)
{
    struct str text = STR("");
    for (struct cut cut = { .tail = str_from(choices), .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '|');
        const char *separator = text.len == 0 ? "" : cut.found ? ", " : " or ";
        text = arena_format(arena, "%.*s%s%.*s", STR_ARG(text), separator, STR_ARG(cut.head));
    }
    return text.data;
}

static bool store_choice(struct reader *reader, const struct option_spec *option, const char *value)
{
    int *place = (void *)(reader->values + option->offset);
    int index = 0;
    for (struct cut cut = { .tail = str_from(option->argument), .found = true }; cut.found;
         index++) {
        cut = str_cut(cut.tail, '|');
        if (!str_equal(cut.head, str_from(value)))
            continue;
        *place = index;
        return true;
    }
    return error_set(reader->error, "option --%s expects %s, not '%s'", option->name,
                     list_choices(option->argument, reader->arena), value);
}

static bool store_jobs(struct reader *reader, const struct option_spec *option, const char *value)
{
    unsigned *place = (void *)(reader->values + option->offset);
    uint64_t jobs;
    if (!str_to_number(str_from(value), CREW_JOBS_MAX, &jobs) || jobs == 0)
        return error_set(reader->error, "option --%s expects a number from 1 to %d, not '%s'",
                         option->name, CREW_JOBS_MAX, value);
    *place = (unsigned)jobs;
    return true;
}

static bool store_size(struct reader *reader, const struct option_spec *option, const char *value)
{
    static const char units[] = "KMG";
    uint64_t *place = (void *)(reader->values + option->offset);
    uint64_t count;
    struct str digits = str_from(value);
    const char *unit = digits.len > 0 ? strchr(units, digits.data[digits.len - 1]) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    digits.len -= unit != NULL;
    if (!str_to_number(digits, UINT64_MAX >> shift, &count) || count == 0)
        return error_set(reader->error,
                         "option --%s expects a number of bytes, or of K, M or G, not '%s'",
                         option->name, value);
    *place = count << shift;
    return true;
}

static bool store_pair(struct reader *reader, const struct option_spec *option, const char *value)
{
    struct option_pair *place = (void *)(reader->values + option->offset);
    const char *second = *reader->arguments;
    if (!second)
        return error_set(reader->error, "option --%s expects %s, not only '%s'", option->name,
                         option->argument, value);
    reader->arguments++;
    *place = (struct option_pair){ value, second };
    return true;
}

static bool store_value(struct reader *reader, const struct option_spec *option, const char *value)
{
    void *place = reader->values + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return true;
    case OPTION_TEXT:
        *(const char **)place = value;
        return true;
    case OPTION_PAIR:
        return store_pair(reader, option, value);
    case OPTION_LIST:
        option_list_add(place, value, reader->arena);
        return true;
    case OPTION_CHOICE:
        return store_choice(reader, option, value);
    case OPTION_JOBS:
        return store_jobs(reader, option, value);
    case OPTION_SIZE:
        return store_size(reader, option, value);
    }
    return false;
}

/* Parses one argument that starts with '-' and is not "-" or "--". */
static bool read_option(struct reader *reader, size_t verb)
{
    const char *text = *reader->arguments++;
    bool is_long = text[1] == '-';
    struct cut cut = is_long ? str_cut(str_from(text + 2), '=')
                             : (struct cut){ .tail = str_from(text + 2), .found = text[2] };
    const struct option_spec *option =
        is_long ? find_long(reader->program, cut.head) : find_letter(reader->program, text[1]);
    const char *verb_name = reader->program->verbs[verb].name;
    if (!option)
        return error_set(reader->error, "unknown option '%s'; try '%s %s --help'", text,
                         reader->program->name, verb_name);
    if (!(option->verbs >> verb & 1))
        return error_set(reader->error, "%s: option --%s is for other commands", verb_name,
                         option->name);
    if (option->kind == OPTION_FLAG && cut.found)
        return error_set(reader->error, "option --%s takes no value", option->name);
    const char *value = cut.found ? cut.tail.data : NULL;
    if (option->kind != OPTION_FLAG && !cut.found) {
        value = *reader->arguments;
        if (!value)
            return error_set(reader->error, "option --%s expects %s", option->name,
                             option->kind == OPTION_CHOICE
                                 ? list_choices(option->argument, reader->arena)
                                 : option->argument);
        reader->arguments++;
    }
    return store_value(reader, option, value);
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

/* Parses the arguments after the verb. */
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
        return error_set(reader->error, "%s: missing argument; usage: %s %s %s", verb->name,
                         reader->program->name, verb->name, verb->synopsis);
    if (result->arguments.count > verb->most)
        return error_set(reader->error, "%s: unexpected argument '%s'; usage: %s %s%s%s",
                         verb->name, result->arguments.items[verb->most], reader->program->name,
                         verb->name, *verb->synopsis ? " " : "", verb->synopsis);
    return true;
}

/* Parses a command line without a verb, such as --help. Returns false if there is a verb. */
static bool read_alone(char **argv, struct options_result *result, struct error *error)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    if (is_one_of(argv[1], "--help", "-h"))
        result->answer = OPTIONS_HELP;
    else if (is_one_of(argv[1], "--version", NULL))
        result->answer = OPTIONS_VERSION;
    else if (!is_one_of(argv[1], "--completion", NULL))
        return false;
    for (int i = 0; result->answer == OPTIONS_WRONG && i < 3; i++) {
        if (!argv[2] || strcmp(argv[2], shells[i]) != 0)
            continue;
        result->shell = (enum completion_shell)i;
        result->answer = OPTIONS_COMPLETION;
    }
    if (result->answer == OPTIONS_WRONG)
        error_set(error, "option --completion expects bash, zsh or fish");
    return true;
}

struct options_result options_parse(const struct program_spec *program, int argc, char **argv,
                                    void *values, struct arena *arena, struct error *error)
{
    struct options_result result = { .answer = OPTIONS_WRONG, .verb = program->verb_count };
    if (argc < 2) {
        error_set(error, "missing command; try '%s --help'", program->name);
        return result;
    }
    if (read_alone(argv, &result, error))
        return result;
    result.verb = find_verb(program, argv[1]);
    if (result.verb == program->verb_count) {
        error_set(error, "unknown command '%s'; try '%s --help'", argv[1], program->name);
        return result;
    }
    struct reader reader = { program, argv + 2, values, arena, error };
    result.answer = OPTIONS_RUN;
    if (!read_rest(&reader, &result))
        result.answer = OPTIONS_WRONG;
    return result;
}
