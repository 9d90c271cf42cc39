/* limits.h — how long regd-fetch waits, and for what.
 *
 * A value of its own, so that a test need not wait as long as a machine does.
 */
#pragma once

struct fetch_limits {
    unsigned connect_ms;          /* until a server is connected: name, TCP, TLS */
    unsigned stall_seconds;       /* a transfer this long under one of the rates is given up */
    unsigned stall_rate;          /* bytes per second: any server */
    unsigned slow_rate;           /* the same, if another server may be faster */
    unsigned retry_first_ms;      /* the first wait after a failure; it doubles */
    unsigned retry_last_ms;       /* the longest wait */
    unsigned retry_after_seconds; /* the longest wait that a server may ask for: somebody is waiting
                                   * for the machine, and a mirror may have come back meanwhile */
    unsigned report_ms;           /* between two lines on the console */
};

#define FETCH_LIMITS                                    \
    ((struct fetch_limits){ .connect_ms = 20000,        \
                            .stall_seconds = 30,        \
                            .stall_rate = 1 << 10,      \
                            .slow_rate = 64 << 10,      \
                            .retry_first_ms = 1000,     \
                            .retry_last_ms = 30000,     \
                            .retry_after_seconds = 300, \
                            .report_ms = 5000 })
