/* crew.h — the threads of a program, each with its own memory.
 *
 * A program makes one crew and passes it down; parallel_run uses it. Each thread has its own arena.
 * A task puts its results there, and its temporary data into a copy. A part of the program whose
 * threads keep no results works with copies of all arenas (crew_scratch), so that the next part can
 * use the same memory again, and memory use does not grow with the number of parts.
 *
 * Memory   An arena takes only address space until it is used. If the system grants less than is
 *          asked for, each thread gets less. If that would be below CREW_MEMBER_LEAST_BYTES, there
 *          are fewer threads.
 */
#pragma once

#include "schema/base/arena.h"

enum { CREW_JOBS_MAX = 1024, CREW_MEMBER_LEAST_BYTES = 64 << 20 };

struct crew {
    unsigned jobs;        /* threads, including the caller's: 1 … CREW_JOBS_MAX */
    struct arena *arenas; /* one for each thread; null if tasks need none */
};

/* A thread of a crew, as its tasks see it. */
struct crew_member {
    unsigned number; /* below `jobs` */
    struct arena *arena;
};

/* Makes a crew of `jobs` threads, at most CREW_JOBS_MAX; 0 means one for each CPU. Does not start
 * threads yet. Fails only if there is not enough memory for one. */
must_check bool crew_make(unsigned jobs, struct arena *arena, struct crew *ret_crew,
                          struct error *error);

/* Returns a crew of at most `count` threads, at least one, whose arenas are copies: when the work
 * is done, their memory is free again. The array of copies is allocated in `arena`. */
struct crew crew_scratch(const struct crew *crew, size_t count, struct arena *arena);
