#include "tests/check.h"

#include "schema/base/completion.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct values {
    bool quiet;
    const char *root, *output, *how;
    struct option_list layers;
};

enum { PACK, GENERATION, VERB_COUNT };

static const struct verb_spec verbs[] = {
    [PACK] = { "pack", "NAME", "it's one:\n[two]", 1, 1 },
    [GENERATION] = { "generation", "set PATH | list", "look at it", 1, 2 },
};

static const struct option_spec options[] = {
    { "root", 0, OPTION_TEXT, "DIR", "a directory", offsetof(struct values, root), 3 },
    { "output", 'o', OPTION_TEXT, "FILE", "a file", offsetof(struct values, output), 1 << PACK },
    { "how", 0, OPTION_TEXT, "gz|xz[:LEVEL]", "words", offsetof(struct values, how), 1 << PACK },
    { "layer", 0, OPTION_LIST, "IMAGE", "a list", offsetof(struct values, layers), 1 << PACK },
    { "limit", 0, OPTION_TEXT, "SIZE", "a size", offsetof(struct values, how), 1 << PACK },
    { "quiet", 'q', OPTION_FLAG, NULL, "a flag", offsetof(struct values, quiet), 3 },
};

static const struct program_spec program = {
    .name = "tool",
    .summary = "Does things.",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = COUNT(options),
};

static const char *completion(enum completion_shell shell, struct arena *arena)
{
    enum { ROOM = 16384 };
    char *text = arena_alloc(arena, 1, ROOM);
    FILE *stream = fmemopen(text, ROOM, "w");
    completion_write(stream, &program, shell);
    fclose(stream);
    return text;
}

/* Is each of the lines, up to null, in the text as a whole line? */
static void check_lines(const char *text, const char *const *lines)
{
    for (; *lines; lines++) {
        bool found = false;
        for (struct cut cut = { .tail = str_from(text), .found = true }; cut.found && !found;) {
            cut = str_cut(cut.tail, '\n');
            found = str_equal(cut.head, str_from(*lines));
        }
        check_about("%s\nin\n%s", *lines, text);
        CHECK(found);
    }
}

static void bash_learns_what_each_option_takes(struct arena arena)
{
    static const char *const lines[] = {
        "complete -F _tool tool",
        ("    --root) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); "
         "return ;;"),
        ("    --output | -o) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "
         "\"$word\"); return ;;"),
        "    --how) mapfile -t COMPREPLY < <(compgen -W 'gz xz' -- \"$word\"); return ;;",
        "    --limit) return ;;",
        "    pack) options='--help --root --output --how --layer --limit --quiet' words='' files=yes ;;",
        "    generation) options='--help --root --quiet' words='set list' files=yes ;;",
        NULL,
    };
    check_lines(completion(COMPLETION_BASH, &arena), lines);
}

static void zsh_learns_what_each_option_takes(struct arena arena)
{
    static const char *const lines[] = {
        "#compdef tool",
        "        'pack:it'\\''s one\\: [two]'",
        "        '--root[a directory]:value:_directories' \\",
        "        '-o[a file]:value:_files' \\",
        "        '--how[words]:value:(gz xz)' \\",
        "        '*--layer[a list]:value:_files' \\",
        "        '--quiet[a flag]' \\",
        "        '1:what:(set list)' \\",
        NULL,
    };
    check_lines(completion(COMPLETION_ZSH, &arena), lines);
}

static void fish_learns_what_each_option_takes(struct arena arena)
{
    static const char *const lines[] = {
        "complete -c tool -n __fish_use_subcommand -a pack -d 'it'\\''s one: [two]'",
        ("complete -c tool -n '__fish_seen_subcommand_from pack generation' -l root -x -a "
         "'(__fish_complete_directories)' -d 'a directory'"),
        "complete -c tool -n '__fish_seen_subcommand_from pack' -l output -s o -r -F -d 'a file'",
        "complete -c tool -n '__fish_seen_subcommand_from pack' -l how -x -a 'gz xz' -d 'words'",
        "complete -c tool -n '__fish_seen_subcommand_from pack' -l limit -x -d 'a size'",
        "complete -c tool -n '__fish_seen_subcommand_from generation' -a 'set list'",
        NULL,
    };
    check_lines(completion(COMPLETION_FISH, &arena), lines);
}

int main(void)
{
    return CHECK_ALL(CASE(bash_learns_what_each_option_takes),
                     CASE(zsh_learns_what_each_option_takes),
                     CASE(fish_learns_what_each_option_takes));
}
