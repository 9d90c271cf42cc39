/* progress.h — how far a long step is, on a terminal: one line on stderr that is rewritten ten times a
 * second, and gone when the step ends.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
    bool is_shown;
    const char *what;
    uint64_t done, total; /* bytes */
    struct timespec start, shown;
    pthread_mutex_t lock;
};

#define PROGRESS_NONE ((struct progress){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* Starts a step: "reading", "compressing". Null is a progress that is not shown, for all of these. */
void progress_start(struct progress *progress, const char *what, uint64_t total_bytes);

/* May be called by any thread. */
void progress_add(struct progress *progress, uint64_t size_bytes);

/* Takes the line away, if there is one. */
void progress_end(struct progress *progress);
