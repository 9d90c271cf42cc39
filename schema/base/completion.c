#include "schema/base/completion.h"

#include <ctype.h>
#include <string.h>

/* What an argument can be. */
enum kind { KIND_NOTHING, KIND_DIRECTORY, KIND_FILE, KIND_WORDS };

/* Returns the next literal word of a synopsis: "set PATH | list" has set and list,
 * "zstd|xz[:LEVEL]" has zstd and xz. Returns the empty slice if no more is left. */
static struct str next_word(struct str *rest)
{
    static const char word_end[] = " |[";
    while (rest->len > 0) {
        size_t length = 0;
        while (length < rest->len && !strchr(word_end, rest->data[length]))
            length++;
        struct str word = { rest->data, length };
        *rest = str_skip(*rest, length < rest->len ? length + 1 : length);
        if (word.len > 0 && islower((unsigned char)word.data[0]))
            return word;
    }
    return (struct str){ 0 };
}

static bool has_words(const char *synopsis)
{
    struct str rest = str_from(synopsis);
    return next_word(&rest).len > 0;
}

static enum kind kind_of(const struct option_spec *option)
{
    static const char *const plain[] = { "N", "SIZE", "TEXT", "NAME", "URL", "SECONDS" };
    if (option->kind == OPTION_PAIR)
        return KIND_NOTHING;
    if (has_words(option->argument))
        return KIND_WORDS;
    if (strcmp(option->argument, "DIR") == 0)
        return KIND_DIRECTORY;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(option->argument, plain[i]) == 0)
            return KIND_NOTHING;
    return KIND_FILE;
}

static bool takes_files(const struct verb_spec *verb)
{
    return verb->most > (has_words(verb->synopsis) ? 1 : 0);
}

static void write_words(FILE *stream, const char *synopsis)
{
    const char *separator = "";
    struct str rest = str_from(synopsis);
    for (struct str word; (word = next_word(&rest)).len > 0; separator = " ")
        fprintf(stream, "%s%.*s", separator, STR_ARG(word));
}

static void write_verbs(FILE *stream, const struct program_spec *program)
{
    for (size_t i = 0; i < program->verb_count; i++)
        fprintf(stream, "%s%s", i ? " " : "", program->verbs[i].name);
}

/* Writes a help text on one line, to be enclosed in single quotes; a backslash is put before each
 * character of `special`. */
static void write_help(FILE *stream, const char *help, const char *special)
{
    for (; *help; help++) {
        if (*help == '\n')
            fputc(' ', stream);
        else if (*help == '\'')
            fputs("'\\''", stream);
        else if (strchr(special, *help))
            fprintf(stream, "\\%c", *help);
        else
            fputc(*help, stream);
    }
}

/* --- bash ------------------------------------------------------------------------------------- */

static void write_bash_values(FILE *stream, const struct option_spec *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    fprintf(stream, "    --%s", option->name);
    if (option->letter)
        fprintf(stream, " | -%c", option->letter);
    fputs(") ", stream);
    switch (kind_of(option)) {
    case KIND_NOTHING:
        break;
    case KIND_DIRECTORY:
        fputs("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); ", stream);
        break;
    case KIND_FILE:
        fputs("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); ", stream);
        break;
    case KIND_WORDS:
        fputs("mapfile -t COMPREPLY < <(compgen -W '", stream);
        write_words(stream, option->argument);
        fputs("' -- \"$word\"); ", stream);
        break;
    }
    fputs("return ;;\n", stream);
}

static void write_bash_verb(FILE *stream, const struct program_spec *program, size_t verb)
{
    const struct verb_spec *spec = &program->verbs[verb];
    fprintf(stream, "    %s) options='--help", spec->name);
    for (size_t i = 0; i < program->option_count; i++)
        if (program->options[i].verbs >> verb & 1)
            fprintf(stream, " --%s", program->options[i].name);
    fputs("' words='", stream);
    write_words(stream, spec->synopsis);
    fprintf(stream, "' files=%s ;;\n", takes_files(spec) ? "yes" : "");
}

static void write_bash(FILE *stream, const struct program_spec *program)
{
    const char *name = program->name;
    fprintf(stream, "# bash completion for %s, made by '%s --completion bash'\n\n", name, name);
    fprintf(stream, "_%s() {\n", name);
    fputs("    local word=${COMP_WORDS[COMP_CWORD]} options='' words='' files=''\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          stream);
    write_verbs(stream, program);
    fputs(" --help --version --completion' -- \"$word\")\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
          "    --completion) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$word\"); "
          "return ;;\n",
          stream);
    for (size_t i = 0; i < program->option_count; i++)
        write_bash_values(stream, &program->options[i]);
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", stream);
    for (size_t i = 0; i < program->verb_count; i++)
        write_bash_verb(stream, program, i);
    fputs("    esac\n"
          "    if [[ $word == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
          "        return\n"
          "    fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    if [ -n \"$files\" ]; then\n"
          "        compopt -o filenames\n"
          "        mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    fi\n"
          "}\n\n",
          stream);
    fprintf(stream, "complete -F _%s %s\n", name, name);
}

/* --- zsh -------------------------------------------------------------------------------------- */

static void write_zsh_value(FILE *stream, const struct option_spec *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    fputs(":value:", stream);
    switch (kind_of(option)) {
    case KIND_NOTHING:
        fputc(' ', stream);
        break;
    case KIND_DIRECTORY:
        fputs("_directories", stream);
        break;
    case KIND_FILE:
        fputs("_files", stream);
        break;
    case KIND_WORDS:
        fputc('(', stream);
        write_words(stream, option->argument);
        fputc(')', stream);
        break;
    }
}

static void write_zsh_option(FILE *stream, const struct option_spec *option)
{
    static const char special[] = "[]:\\";
    const char *often = option->kind == OPTION_LIST ? "*" : "";
    fprintf(stream, " \\\n        '%s--%s[", often, option->name);
    write_help(stream, option->help, special);
    fputc(']', stream);
    write_zsh_value(stream, option);
    if (option->kind == OPTION_PAIR)
        write_zsh_value(stream, option);
    fputc('\'', stream);
    if (!option->letter)
        return;
    fprintf(stream, " \\\n        '%s-%c[", often, option->letter);
    write_help(stream, option->help, special);
    fputc(']', stream);
    write_zsh_value(stream, option);
    fputc('\'', stream);
}

static void write_zsh_verb(FILE *stream, const struct program_spec *program, size_t verb)
{
    const struct verb_spec *spec = &program->verbs[verb];
    fprintf(stream, "%s)\n    _arguments '--help[print the help of this command]'", spec->name);
    for (size_t i = 0; i < program->option_count; i++)
        if (program->options[i].verbs >> verb & 1)
            write_zsh_option(stream, &program->options[i]);
    if (has_words(spec->synopsis)) {
        fputs(" \\\n        '1:what:(", stream);
        write_words(stream, spec->synopsis);
        fputs(")'", stream);
    }
    if (takes_files(spec))
        fputs(" \\\n        '*:argument:_files'", stream);
    fputs("\n    ;;\n", stream);
}

static void write_zsh(FILE *stream, const struct program_spec *program)
{
    const char *name = program->name;
    fprintf(stream, "#compdef %s\n# zsh completion for %s, made by '%s --completion zsh'\n\n", name,
            name, name);
    fputs("if (( CURRENT == 2 )); then\n    local -a commands=(", stream);
    for (size_t i = 0; i < program->verb_count; i++) {
        fprintf(stream, "\n        '%s:", program->verbs[i].name);
        write_help(stream, program->verbs[i].help, ":\\");
        fputc('\'', stream);
    }
    fputs("\n    )\n"
          "    _describe -t commands command commands\n"
          "    _arguments '--help[print the help]' '--version[print the version]' \\\n"
          "        '--completion[print completions for a shell]:shell:(bash zsh fish)'\n"
          "    return\n"
          "fi\n"
          "local command=$words[2]\n"
          "shift words\n"
          "(( CURRENT-- ))\n"
          "case $command in\n"
          "--completion)\n"
          "    _values shell bash zsh fish\n"
          "    ;;\n",
          stream);
    for (size_t i = 0; i < program->verb_count; i++)
        write_zsh_verb(stream, program, i);
    fputs("esac\n", stream);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void write_fish_value(FILE *stream, const struct option_spec *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    switch (kind_of(option)) {
    case KIND_NOTHING:
        fputs(" -x", stream);
        break;
    case KIND_DIRECTORY:
        fputs(" -x -a '(__fish_complete_directories)'", stream);
        break;
    case KIND_FILE:
        fputs(" -r -F", stream);
        break;
    case KIND_WORDS:
        fputs(" -x -a '", stream);
        write_words(stream, option->argument);
        fputc('\'', stream);
        break;
    }
}

static void write_fish_option(FILE *stream, const struct program_spec *program,
                              const struct option_spec *option)
{
    fprintf(stream, "complete -c %s -n '__fish_seen_subcommand_from", program->name);
    for (size_t i = 0; i < program->verb_count; i++)
        if (option->verbs >> i & 1)
            fprintf(stream, " %s", program->verbs[i].name);
    fprintf(stream, "' -l %s", option->name);
    if (option->letter)
        fprintf(stream, " -s %c", option->letter);
    write_fish_value(stream, option);
    fputs(" -d '", stream);
    write_help(stream, option->help, "\\");
    fputs("'\n", stream);
}

static void write_fish_verb(FILE *stream, const struct program_spec *program,
                            const struct verb_spec *verb)
{
    const char *name = program->name;
    fprintf(stream, "complete -c %s -n __fish_use_subcommand -a %s -d '", name, verb->name);
    write_help(stream, verb->help, "\\");
    fputs("'\n", stream);
    if (has_words(verb->synopsis)) {
        fprintf(stream, "complete -c %s -n '__fish_seen_subcommand_from %s' -a '", name,
                verb->name);
        write_words(stream, verb->synopsis);
        fputs("'\n", stream);
    }
    if (takes_files(verb))
        fprintf(stream, "complete -c %s -n '__fish_seen_subcommand_from %s' -F\n", name,
                verb->name);
}

static void write_fish(FILE *stream, const struct program_spec *program)
{
    const char *name = program->name;
    fprintf(stream, "# fish completion for %s, made by '%s --completion fish'\n\n", name, name);
    fprintf(stream, "complete -c %s -f\n", name);
    fprintf(stream, "complete -c %s -n __fish_use_subcommand -l version -d 'print the version'\n",
            name);
    fprintf(stream,
            "complete -c %s -n __fish_use_subcommand -l completion -x -a 'bash zsh fish' "
            "-d 'print completions for a shell'\n",
            name);
    fprintf(stream, "complete -c %s -s h -l help -d 'print the help'\n", name);
    for (size_t i = 0; i < program->verb_count; i++)
        write_fish_verb(stream, program, &program->verbs[i]);
    for (size_t i = 0; i < program->option_count; i++)
        write_fish_option(stream, program, &program->options[i]);
}

void completion_write(FILE *stream, const struct program_spec *program, enum completion_shell shell)
{
    switch (shell) {
    case COMPLETION_BASH:
        write_bash(stream, program);
        return;
    case COMPLETION_ZSH:
        write_zsh(stream, program);
        return;
    case COMPLETION_FISH:
        write_fish(stream, program);
        return;
    }
}
