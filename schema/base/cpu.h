/* cpu.h — how many threads are worth starting.
 */
#pragma once

#include <sched.h>

/* The CPUs that this process may use, at least 1. */
static inline unsigned cpu_count(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count > 0 ? (unsigned)count : 1;
}
