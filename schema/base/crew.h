/* crew.h — the threads that a program works with, and the memory that each of them has.
 *
 * A program makes one crew and hands it down; parallel.h puts it to work. A thread finds an arena that
 * is its own: what a task puts there stays, its temporaries go into a copy. A part of the program that
 * keeps nothing there works with copies of them all (crew_scratch), so that the next one finds the
 * same room, and memory does not grow with the number of parts.
 *
 * Memory   Address space, until it is used. Where the system grants less than is wished for, each
 *          thread has less, and below CREW_MEMBER_LEAST_BYTES each there are fewer threads.
 */
#pragma once

#include "schema/base/arena.h"

enum { CREW_JOBS_MAX = 1024, CREW_MEMBER_LEAST_BYTES = 64 << 20 };

struct crew {
    unsigned jobs;        /* threads, the caller's among them: 1 … CREW_JOBS_MAX */
    struct arena *arenas; /* one for each; null: tasks that need none */
};

/* One of them, as a task sees it. */
struct crew_member {
    unsigned number; /* below `jobs` */
    struct arena *arena;
};

/* Makes a crew of `jobs` threads, or 0: one for each CPU; of more than CREW_JOBS_MAX, so many. No thread is
 * started yet. Refuses only where there is not even memory for one. */
must_check bool crew_make(unsigned jobs, struct arena *arena, struct crew *ret_crew,
                          struct error *error);

/* As many of a crew as `count` tasks take, at least one, for work of which nothing stays in the threads'
 * arenas: they are copies, which lie in `arena`. */
struct crew crew_scratch(const struct crew *crew, size_t count, struct arena *arena);
