/* check_sleep.h — waits of minutes that take no time, for the one test program that includes this.
 *
 * While `is_instant`, what sleeps goes on at once, and how long it would have slept is counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static struct {
    bool is_instant;
    uint64_t slept_ms;
    void (*then)(
        void); /* called after each sleep, as if somebody else had done something meanwhile; or null */
} check_sleep;

int nanosleep(const struct timespec *wanted, struct timespec *ret_left)
{
    if (!check_sleep.is_instant)
        return clock_nanosleep(CLOCK_REALTIME, 0, wanted, ret_left);
    check_sleep.slept_ms += (uint64_t)wanted->tv_sec * 1000 + (uint64_t)wanted->tv_nsec / 1000000;
    if (check_sleep.then)
        check_sleep.then();
    return 0;
}

static void check_sleep_begin(void (*then)(void))
{
    check_sleep.is_instant = true;
    check_sleep.slept_ms = 0;
    check_sleep.then = then;
}

/* Sleeping takes its time again. Returns how many seconds nobody slept. */
static uint64_t check_sleep_end(void)
{
    check_sleep.is_instant = false;
    return check_sleep.slept_ms / 1000;
}
