#include "schema/base/parallel.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

struct shared {
    parallel_task *task;
    void *context;
    size_t count;
    atomic_size_t next;
    pthread_mutex_t lock; /* protects the members below */
    size_t failed;        /* lowest index of a failed task; `count`: none */
    struct error failure;
};

struct worker {
    struct shared *shared;
    struct crew_member member;
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
        if (!shared->task(shared->context, &worker->member, index, &error))
            note_failure(shared, index, &error);
    return NULL;
}

static struct worker worker_of(const struct crew *crew, unsigned number, struct shared *shared)
{
    return (struct worker){
        .shared = shared,
        .member = { .number = number, .arena = crew->arenas ? &crew->arenas[number] : NULL },
    };
}

bool parallel_run(const struct crew *crew, size_t count, parallel_task *task, void *context,
                  struct error *error)
{
    struct shared shared = {
        .task = task,
        .context = context,
        .count = count,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .failed = count,
    };
    struct worker own = worker_of(crew, 0, &shared), others[CREW_JOBS_MAX];
    assert(crew->jobs > 0 && crew->jobs <= CREW_JOBS_MAX);
    unsigned started = 1;
    for (; started < crew->jobs && started < count; started++) {
        struct worker *other = &others[started];
        *other = worker_of(crew, started, &shared);
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
