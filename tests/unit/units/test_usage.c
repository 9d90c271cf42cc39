#include "tests/check_store.h"

#include "units/usage.h"

#include <fcntl.h>
#include <unistd.h>

/* What is printed with that word on the command line; "no" if it is not a matter of usage. */
static struct str printed(const char *word, struct arena *arena)
{
    static const struct usage usage = { "program", "Usage: program FILE\n" };
    char *argv[] = { (char *)"program", (char *)word, NULL };
    int status = -1, kept = dup(STDOUT_FILENO);
    int file = openat(check_directory(), "printed", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(kept >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    bool is_usage = usage_print(&usage, word ? 2 : 1, argv, &status);
    CHECK(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    close(file);
    CHECK_NUMBER(status, is_usage ? 0 : -1);
    return is_usage ? check_content("printed", arena) : STR("no");
}

static void help_and_version_are_printed(struct arena arena)
{
    fflush(stdout);
    CHECK_STR(printed("--help", &arena), "Usage: program FILE\n");
    CHECK_STR(printed("-h", &arena), "Usage: program FILE\n");
    CHECK_STR(printed("--version", &arena), "program " REGD_VERSION "\n");
}

static void everything_else_is_not(struct arena arena)
{
    fflush(stdout);
    CHECK_STR(printed(NULL, &arena), "no");
    CHECK_STR(printed("--root", &arena), "no");
    CHECK_STR(printed("", &arena), "no");
}

int main(void)
{
    return CHECK_ALL(CASE(help_and_version_are_printed), CASE(everything_else_is_not));
}
