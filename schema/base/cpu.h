/* cpu.h — how many threads are worth starting.
 */
#pragma once

/* The CPUs that this process may use, at least 1. The kernel's set of them may have any size. */
unsigned cpu_count(void);
