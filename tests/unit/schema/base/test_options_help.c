#include "tests/check.h"
#include "tests/check_options.h"

#include "schema/base/options_help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Prints to the descriptor in a process of its own. Returns how that ends: 0 if all is printed, 1 if that is refused. */
static int print_to(int output, bool passes_by)
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct error error;
        signal(SIGPIPE, passes_by ? SIG_IGN : SIG_DFL);
        dup2(output, STDOUT_FILENO);
        printf("text");
        bool done = options_flush_output(&error);
        _exit(done ? 0
              : str_equal(str_from(error.sentence), STR("standard output could not be written"))
                  ? 1
                  : 2);
    }
    close(output);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int broken_pipe(void)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    return ends[1];
}

static void output_that_is_lost_is_told_or_ends_the_program(void)
{
    CHECK_NUMBER(print_to(open("/dev/null", O_WRONLY | O_CLOEXEC), false), 0);
    CHECK_NUMBER(print_to(open("/dev/full", O_WRONLY | O_CLOEXEC), false), 1);
    CHECK_NUMBER(print_to(open("/dev/null", O_RDONLY | O_CLOEXEC), false), 1);
    CHECK_NUMBER(print_to(broken_pipe(), false), -SIGPIPE);
    CHECK_NUMBER(print_to(broken_pipe(), true), 1);
}

int main(void)
{
    return CHECK_ALL(CASE(help_of_the_program_lists_everything),
                     CASE(help_of_a_verb_lists_only_its_options), CASE(help_fits_eighty_columns),
                     CASE(output_that_is_lost_is_told_or_ends_the_program));
}
