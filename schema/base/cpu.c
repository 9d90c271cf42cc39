#include "schema/base/cpu.h"

#include "schema/base/own.h"

#include <sched.h>

enum { CPUS_AT_FIRST = 1024, CPUS_AT_LAST = 1 << 20 };

static void free_set(cpu_set_t **set)
{
    CPU_FREE(*set);
}

/* Returns how many CPUs of a set of size `most` this process may use. Returns 0 if the kernel's set
 * is larger, or the call fails. */
static int count_up_to(int most)
{
    cleanup(free_set) cpu_set_t *set = CPU_ALLOC((size_t)most);
    size_t size_bytes = CPU_ALLOC_SIZE((size_t)most);
    if (!set || sched_getaffinity(0, size_bytes, set) < 0)
        return 0;
    return CPU_COUNT_S(size_bytes, set);
}

unsigned cpu_count(void)
{
    for (int most = CPUS_AT_FIRST; most <= CPUS_AT_LAST; most *= 2) {
        int count = count_up_to(most);
        if (count > 0)
            return (unsigned)count;
    }
    return 1;
}
