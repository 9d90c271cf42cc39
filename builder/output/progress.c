#include "builder/output/progress.h"

#include "schema/base/clock.h"

#include <stdio.h>

static const double least_seconds = 0.1;

void progress_start(struct progress *progress, const char *what, uint64_t total_bytes)
{
    if (!progress || !progress->is_shown)
        return;
    progress->what = what;
    progress->done = 0;
    progress->total = total_bytes;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
    progress->shown = progress->start;
}

/* "\33[K" clears the rest of the line. */
static void show(const struct progress *progress, const struct timespec *now)
{
    double part = progress->total ? (double)progress->done / (double)progress->total : 1;
    double left = clock_seconds_between(&progress->start, now) * (1 - part) / part;
    fprintf(stderr, "\r%s %.0f %% of %.0f MiB", progress->what, 100 * part,
            (double)progress->total / (1 << 20));
    if (part > 0.02)
        fprintf(stderr, ", %.0f s left", left);
    fputs("\33[K", stderr);
}

void progress_add(struct progress *progress, uint64_t size_bytes)
{
    struct timespec now;
    if (!progress || !progress->is_shown)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->done += size_bytes;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (progress->done > 0 && clock_seconds_between(&progress->shown, &now) >= least_seconds) {
        progress->shown = now;
        show(progress, &now);
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress)
{
    if (progress && progress->is_shown)
        fputs("\r\33[K", stderr);
}
