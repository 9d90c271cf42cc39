#include "schema/base/parallel.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

struct shared {
    parallel_task *task;
    void *context;
    size_t count;
    atomic_size_t next;
    pthread_mutex_t lock; /* of what follows */
    size_t failed;        /* index; `count`: none */
    struct error failure;
};

struct worker {
    struct shared *shared;
    unsigned number;
    pthread_t thread;
};

static void note_failure(struct shared *shared, size_t index, const struct error *error)
{
    pthread_mutex_lock(&shared->lock);
    if (index < shared->failed) {
        shared->failed = index;
        shared->failure = *error;
    }
    pthread_mutex_unlock(&shared->lock);
    atomic_store(&shared->next, shared->count);
}

static void *take_tasks(void *argument)
{
    const struct worker *worker = argument;
    struct shared *shared = worker->shared;
    struct error error;
    size_t index;
    while ((index = atomic_fetch_add(&shared->next, 1)) < shared->count)
        if (!shared->task(shared->context, worker->number, index, &error))
            note_failure(shared, index, &error);
    return NULL;
}

bool parallel_run(unsigned jobs, size_t count, parallel_task *task, void *context,
                  struct error *error)
{
    struct shared shared = {
        .task = task,
        .context = context,
        .count = count,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .failed = count,
    };
    struct worker own = { .shared = &shared }, others[PARALLEL_JOBS_MAX];
    assert(jobs > 0 && jobs <= PARALLEL_JOBS_MAX);
    if (jobs > count)
        jobs = count ? (unsigned)count : 1;
    unsigned started = 1;
    for (; started < jobs; started++) {
        struct worker *other = &others[started];
        *other = (struct worker){ .shared = &shared, .number = started };
        if (pthread_create(&other->thread, NULL, take_tasks, other) != 0)
            break;
    }
    take_tasks(&own);
    for (unsigned i = 1; i < started; i++)
        pthread_join(others[i].thread, NULL);
    if (shared.failed == count)
        return true;
    *error = shared.failure;
    return false;
}
