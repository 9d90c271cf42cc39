#include "schema/base/crew.h"

#include "schema/base/cpu.h"

#include <string.h>

/* Enough for the names and nodes of ten million files. */
static const size_t member_bytes = (size_t)8 << 30;

bool crew_make(unsigned jobs, struct arena *arena, struct crew *ret_crew, struct error *error)
{
    struct crew crew = { .jobs = jobs ? jobs : cpu_count() };
    struct arena whole;
    if (crew.jobs > CREW_JOBS_MAX)
        crew.jobs = CREW_JOBS_MAX;
    if (!arena_reserve(&whole, crew.jobs * member_bytes, error))
        return false;
    size_t most = arena_left(&whole) / CREW_MEMBER_LEAST_BYTES;
    if (crew.jobs > most)
        crew.jobs = most ? (unsigned)most : 1;
    size_t share = arena_left(&whole) / crew.jobs;
    crew.arenas = arena_new(arena, struct arena, crew.jobs);
    for (unsigned i = 0; i < crew.jobs; i++)
        crew.arenas[i] = arena_split(&whole, share);
    *ret_crew = crew;
    return true;
}

struct crew crew_scratch(const struct crew *crew, size_t count, struct arena *arena)
{
    struct crew copy = { .jobs = crew->jobs };
    if (copy.jobs > count)
        copy.jobs = count ? (unsigned)count : 1;
    copy.arenas = arena_new(arena, struct arena, copy.jobs);
    memcpy(copy.arenas, crew->arenas, copy.jobs * sizeof *copy.arenas);
    return copy;
}
