#include "schema/base/parallel.h"
#include "tests/check.h"

#include <stdatomic.h>

enum { TASKS = 1000 };

struct work {
    atomic_uint done[TASKS];
    atomic_uint workers[CREW_JOBS_MAX];
    size_t fails_at, fails_too;
};

static bool do_task(void *context, const struct crew_member *member, size_t index,
                    struct error *error)
{
    struct work *work = context;
    work->done[index]++;
    work->workers[member->number]++;
    if (index == work->fails_at || index == work->fails_too)
        return error_set(error, "task %zu", index);
    return true;
}

static void each_task_is_done_once(struct arena arena)
{
    static const unsigned jobs[] = { 1, 2, 7, CREW_JOBS_MAX };
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        struct work *work = arena_new(&arena, struct work, 1);
        work->fails_at = work->fails_too = SIZE_MAX;
        CHECK_DONE(
            parallel_run(&(struct crew){ .jobs = jobs[i] }, TASKS, do_task, work, check_error));
        size_t sum = 0;
        for (size_t j = 0; j < TASKS; j++)
            if (!CHECK_NUMBER(work->done[j], 1))
                return;
        for (size_t j = 0; j < jobs[i]; j++)
            sum += work->workers[j];
        CHECK_NUMBER(sum, TASKS);
    }
}

static void nothing_to_do_is_done(void)
{
    CHECK_DONE(parallel_run(&(struct crew){ .jobs = 4 }, 0, do_task, NULL, check_error));
}

static void the_first_failure_is_told(struct arena arena)
{
    struct work *work = arena_new(&arena, struct work, 1);
    work->fails_at = 3;
    work->fails_too = 4;
    CHECK_REFUSED(parallel_run(&(struct crew){ .jobs = 1 }, TASKS, do_task, work, check_error),
                  "task 3");
    CHECK_NUMBER(work->done[4], 0);
    CHECK_REFUSED(parallel_run(&(struct crew){ .jobs = 8 }, 5, do_task, work, check_error),
                  "task 3");
    CHECK_NUMBER(work->done[999], 0);
}

int main(void)
{
    return CHECK_ALL(CASE(each_task_is_done_once), CASE(nothing_to_do_is_done),
                     CASE(the_first_failure_is_told));
}
