#include "tests/check.h"

#include "schema/base/options.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct values {
    bool quiet;
    const char *root, *output;
    struct option_list layers;
};

enum { GET, PUT, SHOW, VERB_COUNT };

static const struct verb_spec verbs[] = {
    [GET] = { "get", "[NAME...]", "fetch things", 0, SIZE_MAX },
    [PUT] = { "put", "NAME", "store a thing", 1, 1 },
    [SHOW] = { "show", "", "print\neverything", 0, 0 },
};

static const struct option_spec options[] = {
    { "root", 0, OPTION_TEXT, "DIR", "the directory that is taken for the root of all",
      offsetof(struct values, root), 7 },
    { "output", 'o', OPTION_TEXT, "FILE", "where it goes", offsetof(struct values, output),
      1 << GET | 1 << PUT },
    { "quiet", 'q', OPTION_FLAG, NULL, "say nothing", offsetof(struct values, quiet), 7 },
    { "layer", 'l', OPTION_LIST, "IMAGE", "one more layer;\ncan be given again",
      offsetof(struct values, layers), 1 << GET },
    { "a-name-that-leaves-no-room", 0, OPTION_FLAG, NULL,
      "fifty bytes of help, which is as much as there may", offsetof(struct values, quiet), 7 },
};

static const struct program_spec program = {
    .name = "tool",
    .summary = "Fetches and stores things.",
    .closing = "See also tool(1).",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = COUNT(options),
};

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
        { "tool", "what is to be done? 'tool --help' lists it" },
        { "tool nonsense", "unknown command 'nonsense': 'tool --help' lists them" },
        { "tool ge", "unknown command 'ge': 'tool --help' lists them" },
        { "tool --quiet get", "unknown command '--quiet': 'tool --help' lists them" },
        { "tool get --nonsense", "unknown option '--nonsense'" },
        { "tool get --roo x", "unknown option '--roo'" },
        { "tool get --rooty x", "unknown option '--rooty'" },
        { "tool get --=x", "unknown option '--=x'" },
        { "tool get -z", "unknown option '-z'" },
        { "tool get ---", "unknown option '---'" },
        { "tool get --version", "unknown option '--version'" },
        { "tool get --root", "the option --root wants DIR" },
        { "tool get -o", "the option --output wants FILE" },
        { "tool get a --layer", "the option --layer wants IMAGE" },
        { "tool get --quiet=yes", "the option --quiet takes no value" },
        { "tool get --quiet=", "the option --quiet takes no value" },
        { "tool get -qx", "the option --quiet takes no value" },
        { "tool put --layer x y", "'put' does not take the option --layer" },
        { "tool show -o x", "'show' does not take the option --output" },
        { "tool put", "'put' wants NAME" },
        { "tool put -q", "'put' wants NAME" },
        { "tool put a b", "'put' does not take the argument 'b'" },
        { "tool show a", "'show' does not take the argument 'a'" },
        { "tool show -- -q", "'show' does not take the argument '-q'" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = { 0 };
        check_about("%s", rows[i].line);
        CHECK_REFUSED(parse(rows[i].line, &values, &arena).answer != OPTIONS_WRONG,
                      rows[i].sentence);
    }
}

static void an_empty_command_line_is_wrong(struct arena arena)
{
    char *argv[] = { NULL };
    struct values values = { 0 };
    CHECK_REFUSED(options_parse(&program, 0, argv, &values, &arena, check_error).answer !=
                      OPTIONS_WRONG,
                  "what is to be done? 'tool --help' lists it");
}

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
              "      --a-name-that-leaves-no-room\n"
              "                            fifty bytes of help, which is as much as there may\n"
              "  -h, --help                print this, or a command's own help\n"
              "      --version             print the version\n"
              "\n"
              "See also tool(1).\n");
}

static void help_of_a_verb_lists_only_its_options(struct arena arena)
{
    CHECK_STR(help(SHOW, &arena),
              "Usage: tool show [OPTION...]\n"
              "\n"
              "print\n"
              "everything.\n"
              "\n"
              "Options:\n"
              "      --root DIR            the directory that is taken for the root of all\n"
              "  -q, --quiet               say nothing\n"
              "      --a-name-that-leaves-no-room\n"
              "                            fifty bytes of help, which is as much as there may\n"
              "  -h, --help                print this, or a command's own help\n"
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
    return CHECK_ALL(
        CASE(values_go_where_the_table_says), CASE(defaults_stay_where_nothing_is_said),
        CASE(arguments_and_options_may_be_mixed), CASE(a_list_takes_any_number),
        CASE(help_and_version_are_answers), CASE(a_wrong_line_is_answered_with_what_is_wrong),
        CASE(an_empty_command_line_is_wrong), CASE(help_of_the_program_lists_everything),
        CASE(help_of_a_verb_lists_only_its_options), CASE(help_fits_eighty_columns));
}
