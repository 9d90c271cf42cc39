/* options.h — a command line read from a table, and the help printed from the same table.
 *
 * A program is a list of verbs and a list of options; each option says which verbs take it and
 * where in the caller's struct its value goes. Options and positional arguments may be mixed;
 * "--" ends the options. A long option's value stands in the next argument or after '='; a long
 * option may not be shortened. Shells learn to complete from the same table: see completion.h.
 */
#pragma once

#include "schema/base/arena.h"

enum completion_shell { COMPLETION_BASH, COMPLETION_ZSH, COMPLETION_FISH };

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *: the argument itself; the last one counts */
    OPTION_PAIR,   /* struct option_pair: two arguments, of which the first may stand after '=' */
    OPTION_LIST,   /* struct option_list: every one given, in order */
    OPTION_CHOICE, /* int: which of the words of `argument`, "refuse|skip|accept", from 0 on */
    OPTION_JOBS,   /* unsigned: a number of threads, 1 … CREW_JOBS_MAX */
    OPTION_SIZE,   /* uint64_t: bytes, or K, M, G of them (powers of 1024); not 0 */
};

struct option_pair {
    const char *first, *second; /* null: not given */
};

struct option_list {
    const char **items;
    size_t count;
    size_t capacity;
};

struct option_spec {
    const char *name; /* "root" for --root */
    char letter;      /* 'o' for -o, or 0 */
    enum option_kind kind;
    const char *argument; /* "DIR", "A B" of a pair, or words to choose from; null for a flag */
    const char *help;     /* one line of at most 50 bytes, or several joined by '\n' */
    size_t offset;        /* of the value in the caller's struct */
    unsigned verbs;       /* bit i: verb i takes it */
};

struct verb_spec {
    const char *name;
    const char *synopsis; /* "[MANIFEST...]" */
    const char *help;
    size_t least; /* how many positional arguments it takes */
    size_t most;  /* SIZE_MAX: any number */
};

struct program_spec {
    const char *name;
    const char *summary;
    const char *closing; /* last paragraph of the help, or null */
    const struct verb_spec *verbs;
    size_t verb_count;
    const struct option_spec *options;
    size_t option_count;
};

/* Adds to the end. */
void option_list_add(struct option_list *list, const char *item, struct arena *arena);

enum options_answer {
    OPTIONS_RUN,        /* go on with *ret_verb */
    OPTIONS_HELP,       /* --help was asked for (of the verb, if one was named) */
    OPTIONS_VERSION,    /* --version was asked for */
    OPTIONS_COMPLETION, /* --completion SHELL was asked for */
    OPTIONS_WRONG,      /* `error` says what is wrong: exit with 2 */
};

struct options_result {
    enum options_answer answer;
    size_t verb;                  /* index into program->verbs; verb_count if none was named */
    enum completion_shell shell;  /* of --completion */
    struct option_list arguments; /* positional ones, after the verb */
};

/* Reads the command line. `values` is the caller's struct with its defaults filled in. */
struct options_result options_parse(const struct program_spec *program, int argc, char **argv,
                                    void *values, struct arena *arena, struct error *error);

/* Has all of standard output been written? Asked last; a failure is told by a sentence. */
must_check bool options_flush_output(struct error *error);

/* Prints the help of the program, or of one verb, at most 80 columns wide. */
void options_print_help(FILE *stream, const struct program_spec *program, size_t verb);
