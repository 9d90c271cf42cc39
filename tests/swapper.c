/* swapper.c — exchanges files while others use them, as fast as it can, until it is killed.
 *
 * Usage    swapper A B [A B]...     each A and B, in one directory or two, change places (renameat2,
 *                                   RENAME_EXCHANGE): at every moment both names lead somewhere
 *
 * A pair of which one is missing is skipped that time. Prints a line when it begins. SIGTERM ends it, with everything
 * in its former place. It also ends when its parent ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static volatile sig_atomic_t is_ended;

static void end(int signal)
{
    (void)signal;
    is_ended = 1;
}

/* Returns whether they have changed places. */
static int exchange(const char *one, const char *other)
{
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
        return 1;
    if (errno != ENOENT) {
        perror("renameat2");
        exit(1);
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count < 3 || count % 2 == 0) {
        fprintf(stderr, "usage: swapper A B [A B]...\n");
        return 2;
    }
    int *is_exchanged = calloc((size_t)count, sizeof *is_exchanged);
    if (!is_exchanged)
        return 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, end);
    puts("begun");
    fflush(stdout);
    while (!is_ended)
        for (int i = 1; i < count; i += 2)
            is_exchanged[i] ^= exchange(arguments[i], arguments[i + 1]);
    /* What lies in a directory that is exchanged comes back after it. */
    for (int pass = 1; pass < count; pass += 2)
        for (int i = 1; i < count; i += 2)
            if (is_exchanged[i])
                is_exchanged[i] ^= exchange(arguments[i], arguments[i + 1]);
    free(is_exchanged);
}
