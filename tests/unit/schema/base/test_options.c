#include "tests/check.h"
#include "tests/check_options.h"

#include <string.h>

/* Parses the words of a line; none of them has blanks. */
static struct options_result parse(const char *line, struct values *values, struct arena *arena)
{
    char *argv[16] = { NULL };
    int argc = 0;
    struct str rest = str_from(line);
    while (rest.len > 0) {
        struct cut cut = str_cut(rest, ' ');
        argv[argc++] = (char *)arena_copy(arena, cut.head).data;
        rest = cut.tail;
    }
    return options_parse(&program, argc, argv, values, arena, check_error);
}

/* A pair is two arguments, wherever it stands; what follows them is not of it. */
static void a_pair_takes_two_arguments(struct arena arena)
{
    static const char *const lines[] = {
        "tool put --between x y name", "tool put name --between x y", "tool put --between=x y name",
        "tool put -b x y -- name",     "tool put -bx y name",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct values values = { 0 };
        struct options_result result = parse(lines[i], &values, &arena);
        check_about("%s", lines[i]);
        CHECK_NUMBER(result.answer, OPTIONS_RUN);
        CHECK_STR(values.between.first, "x");
        CHECK_STR(values.between.second, "y");
        CHECK_NUMBER(result.arguments.count, 1);
        CHECK_STR(result.arguments.items[0], "name");
    }
    struct values values = { 0 };
    CHECK_REFUSED(parse("tool put name --between x", &values, &arena).answer != OPTIONS_WRONG,
                  "option --between expects A B, not only 'x'");
    CHECK_REFUSED(parse("tool put name --between", &values, &arena).answer != OPTIONS_WRONG,
                  "option --between expects A B");
}

static void values_go_where_the_table_says(struct arena arena)
{
    static const struct {
        const char *line, *root, *output;
        bool quiet;
    } rows[] = {
        { "tool get", NULL, NULL, false },
        { "tool get --quiet", NULL, NULL, true },
        { "tool get -q", NULL, NULL, true },
        { "tool get --root /x", "/x", NULL, false },
        { "tool get --root=/x", "/x", NULL, false },
        { "tool get --root=", "", NULL, false },
        { "tool get --root=a=b", "a=b", NULL, false },
        { "tool get --root a --root b", "b", NULL, false },
        { "tool get -o f", NULL, "f", false },
        { "tool get -of", NULL, "f", false },
        { "tool get -o=f", NULL, "=f", false },
        { "tool get --output f -q x", NULL, "f", true },
        { "tool get --root --quiet", "--quiet", NULL, false },
        { "tool get --root -- -q", "--", NULL, true },
        { "tool get -- -q", NULL, NULL, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { 0 };
        check_about("%s", rows[i].line);
        struct options_result result = parse(rows[i].line, &values, &arena);
        CHECK_NUMBER(result.answer, OPTIONS_RUN);
        CHECK_NUMBER(result.verb, GET);
        CHECK_STR(values.root, rows[i].root);
        CHECK_STR(values.output, rows[i].output);
        CHECK(values.quiet == rows[i].quiet);
    }
}

static void defaults_stay_where_nothing_is_said(struct arena arena)
{
    struct values values = { .quiet = true, .root = "/default" };
    CHECK_NUMBER(parse("tool show", &values, &arena).answer, OPTIONS_RUN);
    CHECK_STR(values.root, "/default");
    CHECK(values.quiet);
}

static void check_list(const struct option_list *list, const char *want, struct arena *arena)
{
    struct str joined = STR("");
    for (size_t i = 0; i < list->count; i++)
        joined = arena_format(arena, "%.*s[%s]", STR_ARG(joined), list->items[i]);
    CHECK_STR(joined, want);
}

static void arguments_and_options_may_be_mixed(struct arena arena)
{
    static const struct {
        const char *line, *arguments, *layers;
    } rows[] = {
        { "tool get", "", "" },
        { "tool get a b", "[a][b]", "" },
        { "tool get a --quiet b -l x c -ly --layer=z", "[a][b][c]", "[x][y][z]" },
        { "tool get - -q -", "[-][-]", "" },
        { "tool get a -- -q --root -- -", "[a][-q][--root][--][-]", "" },
        { "tool get -- --help", "[--help]", "" },
        { "tool put x", "[x]", "" },
        { "tool show", "", "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { 0 };
        check_about("%s", rows[i].line);
        struct options_result result = parse(rows[i].line, &values, &arena);
        CHECK_NUMBER(result.answer, OPTIONS_RUN);
        check_list(&result.arguments, rows[i].arguments, &arena);
        check_list(&values.layers, rows[i].layers, &arena);
    }
}

static void a_list_takes_any_number(struct arena arena)
{
    enum { MANY = 1000 };
    char tool[] = "tool", get[] = "get";
    char *argv[MANY + 3] = { tool, get };
    for (size_t i = 0; i < MANY; i++)
        argv[i + 2] = (char *)arena_format(&arena, "-l%zu", i).data;
    struct values values = { 0 };
    struct options_result result =
        options_parse(&program, MANY + 2, argv, &values, &arena, check_error);
    CHECK_NUMBER(result.answer, OPTIONS_RUN);
    if (!CHECK(values.layers.count == MANY))
        return;
    for (size_t i = 0; i < MANY; i++)
        CHECK_STR(values.layers.items[i], arena_format(&arena, "%zu", i));
}

static void help_and_version_are_answers(struct arena arena)
{
    static const struct {
        const char *line;
        enum options_answer answer;
        size_t verb;
    } rows[] = {
        { "tool --help", OPTIONS_HELP, VERB_COUNT },
        { "tool -h", OPTIONS_HELP, VERB_COUNT },
        { "tool --version", OPTIONS_VERSION, VERB_COUNT },
        { "tool --help nonsense", OPTIONS_HELP, VERB_COUNT },
        { "tool get --help", OPTIONS_HELP, GET },
        { "tool put -h", OPTIONS_HELP, PUT },
        { "tool put a b c --help", OPTIONS_HELP, PUT },
        { "tool show -q --help --nonsense", OPTIONS_HELP, SHOW },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { 0 };
        check_about("%s", rows[i].line);
        struct options_result result = parse(rows[i].line, &values, &arena);
        CHECK_NUMBER(result.answer, rows[i].answer);
        CHECK_NUMBER(result.verb, rows[i].verb);
    }
}

static void a_wrong_line_is_answered_with_what_is_wrong(struct arena arena)
{
    static const struct {
        const char *line, *sentence;
    } rows[] = {
        { "tool", "missing command; try 'tool --help'" },
        { "tool nonsense", "unknown command 'nonsense'; try 'tool --help'" },
        { "tool ge", "unknown command 'ge'; try 'tool --help'" },
        { "tool --quiet get", "unknown command '--quiet'; try 'tool --help'" },
        { "tool get --nonsense", "unknown option '--nonsense'; try 'tool get --help'" },
        { "tool get --roo x", "unknown option '--roo'; try 'tool get --help'" },
        { "tool get --rooty x", "unknown option '--rooty'; try 'tool get --help'" },
        { "tool get --=x", "unknown option '--=x'; try 'tool get --help'" },
        { "tool get -z", "unknown option '-z'; try 'tool get --help'" },
        { "tool get ---", "unknown option '---'; try 'tool get --help'" },
        { "tool get --version", "unknown option '--version'; try 'tool get --help'" },
        { "tool get --root", "option --root expects DIR" },
        { "tool get -o", "option --output expects FILE" },
        { "tool get a --layer", "option --layer expects IMAGE" },
        { "tool get --quiet=yes", "option --quiet takes no value" },
        { "tool get --quiet=", "option --quiet takes no value" },
        { "tool get -qx", "option --quiet takes no value" },
        { "tool put --layer x y", "put: option --layer is for other commands" },
        { "tool put x --when", "option --when expects never, later or now" },
        { "tool put x --when soon", "option --when expects never, later or now, not 'soon'" },
        { "tool put x --when=", "option --when expects never, later or now, not ''" },
        { "tool put x --when never|later",
          "option --when expects never, later or now, not 'never|later'" },
        { "tool put x -j 0", "option --jobs expects a number from 1 to 1024, not '0'" },
        { "tool put x -j1025", "option --jobs expects a number from 1 to 1024, not '1025'" },
        { "tool put x --jobs=-1", "option --jobs expects a number from 1 to 1024, not '-1'" },
        { "tool put x --limit 0",
          "option --limit expects a number of bytes, or of K, M or G, not '0'" },
        { "tool put x --limit G",
          "option --limit expects a number of bytes, or of K, M or G, not 'G'" },
        { "tool put x --limit 5T",
          "option --limit expects a number of bytes, or of K, M or G, not '5T'" },
        { "tool put x --limit 17179869184G",
          "option --limit expects a number of bytes, or of K, M or G, not '17179869184G'" },
        { "tool --completion", "option --completion expects bash, zsh or fish" },
        { "tool --completion csh", "option --completion expects bash, zsh or fish" },
        { "tool show -o x", "show: option --output is for other commands" },
        { "tool put", "put: missing argument; usage: tool put NAME" },
        { "tool put -q", "put: missing argument; usage: tool put NAME" },
        { "tool put a b", "put: unexpected argument 'b'; usage: tool put NAME" },
        { "tool show a", "show: unexpected argument 'a'; usage: tool show" },
        { "tool show -- -q", "show: unexpected argument '-q'; usage: tool show" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { 0 };
        check_about("%s", rows[i].line);
        CHECK_REFUSED(parse(rows[i].line, &values, &arena).answer != OPTIONS_WRONG,
                      rows[i].sentence);
    }
}

static void words_become_numbers(struct arena arena)
{
    static const struct {
        const char *line;
        int when;
        unsigned jobs;
        uint64_t limit_bytes;
    } rows[] = {
        { "tool put x", -1, 0, 7 },
        { "tool put x --when never", 0, 0, 7 },
        { "tool put x --when later", 1, 0, 7 },
        { "tool put x --when=now", 2, 0, 7 },
        { "tool put x --when now --when later", 1, 0, 7 },
        { "tool put x -j 1", -1, 1, 7 },
        { "tool put x --jobs 1024", -1, 1024, 7 },
        { "tool put x --limit 1", -1, 0, 1 },
        { "tool put x --limit 3K", -1, 0, 3 << 10 },
        { "tool put x --limit 3M", -1, 0, 3 << 20 },
        { "tool put x --limit 17179869183G", -1, 0, (uint64_t)17179869183 << 30 },
        { "tool put x --limit 18446744073709551615", -1, 0, UINT64_MAX },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { .when = -1, .limit_bytes = 7 };
        check_about("%s", rows[i].line);
        CHECK_NUMBER(parse(rows[i].line, &values, &arena).answer, OPTIONS_RUN);
        CHECK_NUMBER(values.when, rows[i].when);
        CHECK_NUMBER(values.jobs, rows[i].jobs);
        CHECK(values.limit_bytes == rows[i].limit_bytes);
    }
}

static void completions_are_asked_for_by_shell(struct arena arena)
{
    static const char *const lines[] = {
        [COMPLETION_BASH] = "tool --completion bash",
        [COMPLETION_ZSH] = "tool --completion zsh",
        [COMPLETION_FISH] = "tool --completion fish",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct values values = { 0 };
        struct options_result result = parse(lines[i], &values, &arena);
        CHECK_NUMBER(result.answer, OPTIONS_COMPLETION);
        CHECK_NUMBER(result.shell, i);
    }
}

static void an_empty_command_line_is_wrong(struct arena arena)
{
    char *argv[] = { NULL };
    struct values values = { 0 };
    CHECK_REFUSED(options_parse(&program, 0, argv, &values, &arena, check_error).answer !=
                      OPTIONS_WRONG,
                  "missing command; try 'tool --help'");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_pair_takes_two_arguments), CASE(values_go_where_the_table_says),
        CASE(defaults_stay_where_nothing_is_said), CASE(arguments_and_options_may_be_mixed),
        CASE(a_list_takes_any_number), CASE(help_and_version_are_answers),
        CASE(a_wrong_line_is_answered_with_what_is_wrong), CASE(an_empty_command_line_is_wrong),
        CASE(words_become_numbers), CASE(completions_are_asked_for_by_shell));
}
