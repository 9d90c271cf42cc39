/* options.h — parses the command line by a table.
 *
 * A program has a list of verbs and a list of options. Each option says which verbs accept it, and
 * at which offset of the caller's struct its value is stored. Options and positional arguments may
 * be mixed; "--" ends the options. The value of a long option is the next argument or follows '='.
 * Long options may not be abbreviated. Help and shell completions come from the same table:
 * options_help.h, completion.h.
 */
#pragma once

#include "schema/base/arena.h"

enum completion_shell { COMPLETION_BASH, COMPLETION_ZSH, COMPLETION_FISH };

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *: the argument itself; the last one wins */
    OPTION_PAIR,   /* struct option_pair: two arguments; the first may follow '=' */
    OPTION_LIST,   /* struct option_list: all that are given, in order */
    OPTION_CHOICE, /* int: index of the word in `argument`, such as "refuse|skip|accept" */
    OPTION_JOBS,   /* unsigned: a number of threads, 1 … CREW_JOBS_MAX */
    OPTION_SIZE,   /* uint64_t: bytes, with suffix K, M or G (powers of 1024); not 0 */
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
    const char *argument; /* "DIR"; "A B" for a pair; the words of a choice; null for a flag */
    const char *help;     /* lines of at most 50 bytes, separated by '\n' */
    size_t offset;        /* offset of the value in the caller's struct */
    unsigned verbs;       /* bit i: verb i accepts the option */
};

struct verb_spec {
    const char *name;
    const char *synopsis; /* "[MANIFEST...]" */
    const char *help;
    size_t least; /* fewest positional arguments */
    size_t most;  /* most of them; SIZE_MAX: any number */
};

struct program_spec {
    const char *name;
    const char *summary;
    const char *closing; /* last paragraph of --help, or null */
    const struct verb_spec *verbs;
    size_t verb_count;
    const struct option_spec *options;
    size_t option_count;
};

/* Appends an item. */
void option_list_add(struct option_list *list, const char *item, struct arena *arena);

enum options_answer {
    OPTIONS_RUN,        /* run result.verb */
    OPTIONS_HELP,       /* print the help (of the verb, if one was given) */
    OPTIONS_VERSION,    /* print the version */
    OPTIONS_COMPLETION, /* print the completions for result.shell */
    OPTIONS_WRONG,      /* the command line is wrong: print `error`, exit with 2 */
};

struct options_result {
    enum options_answer answer;
    size_t verb;                  /* index into program->verbs; verb_count: none was given */
    enum completion_shell shell;  /* of --completion */
    struct option_list arguments; /* positional ones, after the verb */
};

/* Parses the command line. `values` is the caller's struct, filled with the defaults. */
struct options_result options_parse(const struct program_spec *program, int argc, char **argv,
                                    void *values, struct arena *arena, struct error *error);
