#include "tests/check.h"
#include "tests/check_options.h"

#include "schema/base/options_help.h"

/* The help as text of the arena. */
static struct str help(size_t verb, struct arena *arena)
{
    enum { ROOM = 8192 };
    char *text = arena_alloc(arena, 1, ROOM);
    FILE *stream = fmemopen(text, ROOM, "w");
    options_print_help(stream, &program, verb);
    fclose(stream);
    return str_from(text);
}

static void help_of_the_program_lists_everything(struct arena arena)
{
    CHECK_STR(help(VERB_COUNT, &arena),
              "Usage: tool COMMAND [OPTION...] [ARGUMENT...]\n"
              "\n"
              "Fetches and stores things.\n"
              "\n"
              "Commands:\n"
              "  get [NAME...]             fetch things\n"
              "  put NAME                  store a thing\n"
              "  show                      print\n"
              "                            everything\n"
              "\n"
              "Options:\n"
              "      --root DIR            the directory that is taken for the root of all\n"
              "  -o, --output FILE         where it goes\n"
              "  -q, --quiet               say nothing\n"
              "  -l, --layer IMAGE         one more layer;\n"
              "                            can be given again\n"
              "      --when never|later|now\n"
              "                            at what time\n"
              "  -j, --jobs N              threads\n"
              "      --limit SIZE          how much\n"
              "  -b, --between A B         two ends\n"
              "      --a-name-that-leaves-no-room\n"
              "                            fifty bytes of help, which is as much as there may\n"
              "  -h, --help                print help; after a command, help for it\n"
              "      --version             print the version\n"
              "      --completion SHELL    print completions for bash, zsh or fish\n"
              "\n"
              "See also tool(1).\n");
}

static void help_of_a_verb_lists_only_its_options(struct arena arena)
{
    CHECK_STR(help(SHOW, &arena),
              "Usage: tool show [OPTION...]\n"
              "\n"
              "Print everything.\n"
              "\n"
              "Options:\n"
              "      --root DIR            the directory that is taken for the root of all\n"
              "  -q, --quiet               say nothing\n"
              "      --a-name-that-leaves-no-room\n"
              "                            fifty bytes of help, which is as much as there may\n"
              "  -h, --help                print help; after a command, help for it\n"
              "\n"
              "See also tool(1).\n");
}

static void help_fits_eighty_columns(struct arena arena)
{
    for (size_t verb = 0; verb <= VERB_COUNT; verb++) {
        size_t lines = 0;
        check_about("verb %zu", verb);
        for (struct str rest = help(verb, &arena); rest.len > 0; lines++) {
            struct cut line = str_cut(rest, '\n');
            CHECK(line.found);
            CHECK(line.head.len <= 80);
            rest = line.tail;
        }
        CHECK(lines > 5);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(help_of_the_program_lists_everything),
                     CASE(help_of_a_verb_lists_only_its_options), CASE(help_fits_eighty_columns));
}
