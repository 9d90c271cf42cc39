/* arena.h — the one allocator: a reserved range of memory, handed out front to back.
 *
 * Both programs are short batch runs. They reserve one range at start and give nothing back before
 * they end. Results go into the caller's `struct arena *arena`; temporaries into a
 * `struct arena scratch` passed by value, so that they vanish when the function returns:
 *
 *     static bool work(struct arena *arena, struct arena scratch, ...)
 *
 * is called with two arenas that do not overlap: arena_split() cuts a scratch range off.
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

/* Reserves `size_bytes` of address space, or half of it, or a quarter... where the system's limits
 * allow no more; refuses below 16 MiB. The range is never given back. */
must_check bool arena_reserve(struct arena *ret_arena, size_t size_bytes, struct error *error);

/* Cuts the second half of what is left off as an arena of its own. */
struct arena arena_split(struct arena *arena);

/* Room for `count` items of `size` bytes, all zero, aligned for any type. Never null. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
#define arena_new(arena, type, count) ((type *)arena_alloc(arena, count, sizeof(type)))

/* Makes room for one more item in a growing array: returns the array itself or a copy twice as
 * large, with *capacity updated. Start with a null array and capacity 0. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

/* Copies that are also terminated, so that `.data` can be handed to the system. A NUL inside is
 * the caller's to refuse. */
struct str arena_copy(struct arena *arena, struct str text);
struct str arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
