/* progress.h — shows the progress of a long step on a terminal: one line on stderr that is
 * rewritten ten times a second, and erased when the step ends.
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

/* Starts a step, such as "reading". For all three functions, a null `progress` is not shown. */
void progress_start(struct progress *progress, const char *what, uint64_t total_bytes);

/* Adds to the bytes that are done. Any thread may call it. */
void progress_add(struct progress *progress, uint64_t size_bytes);

/* Erases the line, if there is one. */
void progress_end(struct progress *progress);
