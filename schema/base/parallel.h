/* parallel.h — runs many small tasks on a few threads.
 */
#pragma once

#include "schema/base/crew.h"

/* Runs task number `index`. `member` is the thread that runs it: its number, below `jobs`, selects
 * the data that the caller keeps for each thread. */
typedef bool parallel_task(void *context, const struct crew_member *member, size_t index,
                           struct error *error);

/* Runs tasks 0 … count - 1, started in this order, on the threads of a crew, including the
 * caller's. If the system allows fewer threads, those do all the work.
 *
 * If a task fails, no further task is started. When all started tasks have ended, the function
 * returns false with the sentence of the failed task that has the lowest index. */
must_check bool parallel_run(const struct crew *crew, size_t count, parallel_task *task,
                             void *context, struct error *error);
