/* parallel.h — runs many small tasks on a few threads.
 */
#pragma once

#include "schema/base/crew.h"

/* Does task number `index`. The member is nobody else's meanwhile: its number tells which of the
 * things that the caller has for each thread may be used. */
typedef bool parallel_task(void *context, const struct crew_member *member, size_t index,
                           struct error *error);

/* Does tasks 0 … count - 1, taken up in this order, on the threads of a crew. Where fewer can be
 * started, as a limit of the system may have it, those do the work.
 *
 * If a task fails, no more are taken up, and false is returned with the sentence of the failed one
 * that has the lowest index. All that were taken up have ended by then. */
must_check bool parallel_run(const struct crew *crew, size_t count, parallel_task *task,
                             void *context, struct error *error);
