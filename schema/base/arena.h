/* arena.h — the one allocator: a reserved range of memory, handed out front to back.
 *
 * Both programs are short batch runs. They reserve one range at start and give nothing back before
 * they end. Results go into the caller's `struct arena *arena`; temporaries into a `struct arena
 * scratch` passed by value, which vanish when the function returns. The caller's own arena will do
 * for it, `work(*arena)`: what is allocated in the copy lies behind all that is kept, as long as
 * nothing is allocated in the original meanwhile. So a function takes the one or the other, and one
 * that takes both gets two that do not overlap.
 *
 * Pages cost memory only once they are written. Exhaustion ends the program with one sentence and
 * exit status 1: the one exit outside main.
 *
 * In sanitizer builds the range is poisoned and each block unpoisoned, with a gap behind it, so
 * that an overrun into a neighbour is found.
 */
#pragma once

#include "schema/base/str.h"

struct arena {
    char *next;
    char *end;
};

/* An arena has at least so much; a program that has so much address space finds that. */
enum { ARENA_LEAST_BYTES = 16 << 20, ARENA_ADDRESS_SPACE_BYTES = 256 << 20 };

/* Reserves `size_bytes` of address space, rounded up, but no more than half of what the system's
 * limits leave, for libraries and threads need some, too: a half of it then, or a quarter...; refuses
 * below ARENA_LEAST_BYTES. The range is never given back. */
must_check bool arena_reserve(struct arena *ret_arena, size_t size_bytes, struct error *error);

/* Room for `count` items of `size` bytes, all zero, aligned for any type. Never null. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
#define arena_new(arena, type, count) ((type *)arena_alloc(arena, count, sizeof(type)))

/* The same, of bytes that are about to be overwritten and need not be zero. */
void *arena_room(struct arena *arena, size_t size_bytes);

/* Makes room for one more item in a growing array: returns the array itself, extended if
 * nothing was allocated since, or a copy; twice as large, with *capacity updated. Start with a null array and capacity 0. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

/* A terminated copy for the system, which ends a text at its first NUL. So refuses a NUL inside. */
must_check bool arena_name(struct arena *arena, struct str text, const char **ret_name,
                           struct error *error);

/* Copies that are also terminated, so that `.data` can be handed to the system. A NUL inside is
 * the caller's to refuse. */
struct str arena_copy(struct arena *arena, struct str text);
struct str arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How much is left. Who can do without an input asks before, since exhaustion ends the program. */
size_t arena_left(const struct arena *arena);

/* Takes an arena of its own off the end, for another thread or for what ends sooner: then `end` may be
 * set back. */
struct arena arena_split(struct arena *arena, size_t size_bytes);
