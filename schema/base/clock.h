/* clock.h — measures durations.
 */
#pragma once

#include <time.h>

static inline struct timespec clock_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

static inline double clock_seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

static inline double clock_seconds_since(const struct timespec *start)
{
    struct timespec now = clock_start();
    return clock_seconds_between(start, &now);
}
