/* cpu.h — the number of CPUs, which is the default number of threads.
 */
#pragma once

/* Returns how many CPUs this process may run on; at least 1. The kernel's CPU set may have any
 * size. */
unsigned cpu_count(void);
