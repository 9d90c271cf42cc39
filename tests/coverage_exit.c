/* coverage_exit.c — what ends by _exit (error_end, children of the tests) writes its counts, too.
 *
 * tests/coverage links it into every program by --wrap=_exit. The product knows nothing of it. */
#include <gcov.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
