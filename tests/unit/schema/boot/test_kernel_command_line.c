#include "tests/check.h"

#include "schema/boot/kernel_command_line.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Each parameter as <name> or <name|value>. */
static struct str list(struct str line, struct arena *arena)
{
    struct str text = STR("");
    struct kernel_parameter parameter;
    while (kernel_command_line_next(&line, &parameter))
        text = arena_format(arena, "%.*s<%.*s%s%.*s>", STR_ARG(text), STR_ARG(parameter.name),
                            parameter.has_value ? "|" : "", STR_ARG(parameter.value));
    CHECK_NUMBER(line.len, 0);
    return text;
}

static void parameters_are_read_as_the_kernel_reads_them(struct arena arena)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        { "", "" },
        { " \n\t ", "" },
        { "quiet", "<quiet>" },
        { "a=b c=d\n", "<a|b><c|d>" },
        { "  a=b\t\tc \v\f\r d", "<a|b><c><d>" },
        { "a=", "<a|>" },
        { "a==b", "<a|=b>" },
        { "=b", "<=b>" },
        { "init=\"/nix/store/x/init\"", "<init|/nix/store/x/init>" },
        { "\"init=/nix/store/x/init\" b", "<init|/nix/store/x/init><b>" },
        { "a=\"b  c\" d", "<a|b  c><d>" },
        { "\"a=b  c\" d", "<a|b  c><d>" },
        { "\"a b\"=c", "<a b\"|c>" },
        { "a=b\"c d\"e f", "<a|b\"c d\"e><f>" },
        { "a=b\"c d\" f", "<a|b\"c d\"><f>" },
        { "a=\"b c\"d e", "<a|b c\"d><e>" },
        { "a=\"never closed b=c", "<a|never closed b=c>" },
        { "\"never closed b=c", "<never closed b|c>" },
        { "a=\"\" b", "<a|><b>" },
        { "a=\" b", "<a| b>" },
        { "\"\" a", "<><a>" },
        { "\"", "<>" },
        { "dyndbg=\"file x.c +p; func y +p\"", "<dyndbg|file x.c +p; func y +p>" },
        { "a=\xc3\xa0 b", "<a|\xc3\xa0><b>" },
        { "-- init", "<--><init>" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].line);
        CHECK_STR(list(str_from(rows[i].line), &arena), rows[i].want);
    }
}

/* lib/cmdline.c's own steps on a copy, byte by byte; the blanks are ours. */
static char *next_in_place(char *arguments, char **name, char **value)
{
    unsigned i, equals = 0;
    bool in_quote = false, quoted = false;
    if (*arguments == '"') {
        arguments++;
        in_quote = quoted = true;
    }
    for (i = 0; arguments[i]; i++) {
        if (strchr(" \t\n\v\f\r", arguments[i]) && !in_quote)
            break;
        if (equals == 0 && arguments[i] == '=')
            equals = i;
        in_quote ^= arguments[i] == '"';
    }
    *name = arguments;
    *value = equals ? arguments + equals + 1 : NULL;
    if (equals)
        arguments[equals] = '\0';
    if (equals && **value == '"') {
        ++*value;
        if (arguments[i - 1] == '"')
            arguments[i - 1] = '\0';
    }
    if (quoted && i > 0 && arguments[i - 1] == '"')
        arguments[i - 1] = '\0';
    char *rest = arguments[i] ? arguments + i + 1 : arguments + i;
    arguments[i] = '\0';
    return rest + strspn(rest, " \t\n\v\f\r");
}

/* Of every line of eight of these bytes. */
static void so_is_every_short_line(struct arena arena)
{
    static const char bytes[] = "a=\" ";
    enum { LENGTH = 8, LINES = 1 << 2 * LENGTH };
    for (unsigned number = 0; number < LINES; number++) {
        struct arena scratch = arena;
        char line[LENGTH + 1] = "";
        for (unsigned i = 0; i < LENGTH; i++)
            line[i] = bytes[number >> 2 * i & 3];
        struct str got = list(str_from(line), &scratch), want = STR("");
        check_about("%s", line);
        char *name, *value;
        for (char *rest = line + strspn(line, " "); *rest;) {
            rest = next_in_place(rest, &name, &value);
            want = arena_format(&scratch, "%.*s<%s%s%s>", STR_ARG(want), name, value ? "|" : "",
                                value ? value : "");
        }
        if (!CHECK_STR(got, want))
            return;
    }
}

int main(void)
{
    return CHECK_ALL(CASE(parameters_are_read_as_the_kernel_reads_them),
                     CASE(so_is_every_short_line));
}
