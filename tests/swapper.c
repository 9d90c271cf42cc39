/* swapper.c — exchanges files while others use them, as fast as it can, until it is killed.
 *
 * Usage    swapper A B [A B]...     each A and B, in one directory or two, change places (renameat2,
 *                                   RENAME_EXCHANGE): at every moment both names lead somewhere
 *
 * A pair of which one is missing is skipped that time. It also ends when its parent ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(int count, char **arguments)
{
    if (count < 3 || count % 2 == 0) {
        fprintf(stderr, "usage: swapper A B [A B]...\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        for (int i = 1; i < count; i += 2)
            if (renameat2(AT_FDCWD, arguments[i], AT_FDCWD, arguments[i + 1], RENAME_EXCHANGE) <
                    0 &&
                errno != ENOENT) {
                perror("renameat2");
                return 1;
            }
}
