#include "schema/base/crew.h"
#include "schema/base/parallel.h"
#include "tests/check.h"

#include <string.h>

static void each_thread_has_as_much(struct arena arena)
{
    struct crew crew = { 0 };
    if (!CHECK_DONE(crew_make(3, &arena, &crew, check_error)))
        return;
    CHECK_NUMBER(crew.jobs, 3);
    for (unsigned i = 0; i < crew.jobs; i++)
        CHECK(arena_left(&crew.arenas[i]) == arena_left(&crew.arenas[0]) &&
              arena_left(&crew.arenas[0]) >= CREW_MEMBER_LEAST_BYTES);
}

static void without_a_number_there_is_one_for_each_cpu_at_most(struct arena arena)
{
    struct crew crew = { 0 };
    CHECK_DONE(crew_make(0, &arena, &crew, check_error));
    CHECK(crew.jobs >= 1 && crew.jobs <= CREW_JOBS_MAX);
}

static void there_are_no_more_than_can_be(struct arena arena)
{
    struct crew crew = { 0 };
    CHECK_DONE(crew_make(100000, &arena, &crew, check_error));
    CHECK(crew.jobs <= CREW_JOBS_MAX);
    CHECK(arena_left(&crew.arenas[crew.jobs - 1]) >= CREW_MEMBER_LEAST_BYTES);
}

static bool use_some(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    (void)context, (void)error;
    memset(arena_alloc(member->arena, 1, 1000), (int)index, 1000);
    return true;
}

static void what_a_task_takes_stays_taken(struct arena arena)
{
    struct crew crew = { 0 };
    if (!CHECK_DONE(crew_make(1, &arena, &crew, check_error)))
        return;
    size_t before = arena_left(crew.arenas);
    CHECK_DONE(parallel_run(&crew, 10, use_some, NULL, check_error));
    CHECK(arena_left(crew.arenas) <= before - 10 * 1000);
}

static void of_a_scratch_nothing_stays(struct arena arena)
{
    struct crew crew = { 0 };
    if (!CHECK_DONE(crew_make(4, &arena, &crew, check_error)))
        return;
    size_t before = arena_left(crew.arenas);
    struct crew scratch = crew_scratch(&crew, 10, &arena);
    CHECK_NUMBER(scratch.jobs, 4);
    CHECK_DONE(parallel_run(&scratch, 10, use_some, NULL, check_error));
    CHECK_NUMBER(arena_left(crew.arenas), before);
    CHECK_NUMBER(crew_scratch(&crew, 2, &arena).jobs, 2);
    CHECK_NUMBER(crew_scratch(&crew, 0, &arena).jobs, 1);
}

int main(void)
{
    return CHECK_ALL(CASE(each_thread_has_as_much),
                     CASE(without_a_number_there_is_one_for_each_cpu_at_most),
                     CASE(there_are_no_more_than_can_be), CASE(what_a_task_takes_stays_taken),
                     CASE(of_a_scratch_nothing_stays));
}
