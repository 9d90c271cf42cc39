#include "schema/base/options_help.h"

#include "schema/base/own.h"

#include <assert.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* Prints "  LEFT   RIGHT". RIGHT has a column of its own and continues there after each '\n'. */
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

/* Prints the usage and the help of one verb. */
static void print_verb(FILE *stream, const struct program_spec *program,
                       const struct verb_spec *verb)
{
    fprintf(stream, "Usage: %s %s [OPTION...]%s%s\n\n", program->name, verb->name,
            *verb->synopsis ? " " : "", verb->synopsis);
    for (const char *at = verb->help; *at; at++)
        fputc(*at == '\n' ? ' ' : at == verb->help ? toupper((unsigned char)*at) : *at, stream);
    fputs(".\n", stream);
}

void options_print_help(FILE *stream, const struct program_spec *program, size_t verb)
{
    assert(verb <= program->verb_count);
    if (verb == program->verb_count)
        print_verbs(stream, program);
    else
        print_verb(stream, program, &program->verbs[verb]);
    fputs("\nOptions:\n", stream);
    for (size_t i = 0; i < program->option_count; i++)
        if (verb == program->verb_count || (program->options[i].verbs >> verb & 1))
            print_option(stream, &program->options[i]);
    print_row(stream, "-h, --help", "print help; after a command, help for it");
    if (verb == program->verb_count) {
        print_row(stream, "    --version", "print the version");
        print_row(stream, "    --completion SHELL", "print completions for bash, zsh or fish");
    }
    if (program->closing)
        fprintf(stream, "\n%s\n", program->closing);
}

static bool has_reader(int output)
{
    struct pollfd descriptor = { .fd = output };
    return poll(&descriptor, 1, 0) != 1 || !(descriptor.revents & POLLERR);
}

bool options_flush_output(struct error *error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (!has_reader(STDOUT_FILENO))
        own_end_by_pipe();
    return error_set(error, "standard output could not be written");
}
