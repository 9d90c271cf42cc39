/* cpu.h — the number of CPUs, which is the default number of threads.
 */
#pragma once

/* The CPUs that this process may use, at least 1. The kernel's set of them may have any size. */
unsigned cpu_count(void);
