/* parallel.h — many small tasks on a few threads.
 */
#pragma once

#include "schema/base/error.h"

#include <stddef.h>

enum { PARALLEL_JOBS_MAX = 1024 };

/* Does task number `index`. `worker` is below the number of jobs, and is nobody else's meanwhile: it
 * tells which of the things that the caller has for each thread may be used. */
typedef bool parallel_task(void *context, unsigned worker, size_t index, struct error *error);

/* Does tasks 0 … count - 1, taken up in this order, on `jobs` threads (1 …
 * PARALLEL_JOBS_MAX), the caller's among them. Where
 * fewer can be started, those do the work.
 *
 * If a task fails, no more are taken up, and false is returned with the sentence of the failed one
 * that has the lowest index. All that were taken up have ended by then. */
must_check bool parallel_run(unsigned jobs, size_t count, parallel_task *task, void *context,
                             struct error *error);
