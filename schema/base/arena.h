/* arena.h — the one allocator: a reserved range of memory, handed out front to back.
 *
 * Both programs are short batch runs. They reserve one range at the start and free nothing before
 * they exit. A function puts its results into the caller's `struct arena *arena`, and its temporary
 * data into a `struct arena scratch` that is passed by value: when the function returns, the memory
 * is free again. A caller may pass a copy of its own arena as scratch, `work(*arena)`, as long as
 * nothing is allocated in the original meanwhile. A function therefore takes either an arena or a
 * scratch; one that takes both must be given two that do not overlap.
 *
 * A page takes memory only once it is written. When the range is used up, the program prints one
 * sentence and exits with status 1. This is the only exit outside main.
 *
 * In sanitizer builds the range is poisoned, each allocated block is unpoisoned, and a gap follows
 * each block, so that an overrun into the next block is found.
 */
#pragma once

#include "schema/base/str.h"

struct arena {
    char *next;
    char *end;
};

/* The least that an arena gets; a program with this much address space can work. */
enum { ARENA_LEAST_BYTES = 16 << 20, ARENA_ADDRESS_SPACE_BYTES = 256 << 20 };

/* Reserves `size_bytes` of address space, rounded up, but at most half of what the system's limits
 * leave, because libraries and threads need some, too. If that is too much, tries half of it, then
 * a quarter, and so on; fails below ARENA_LEAST_BYTES. The range of a program is never freed. */
must_check bool arena_reserve(struct arena *ret_arena, size_t size_bytes, struct error *error);

/* Gives a range back to the system, with all that was allocated from it. `reserved` is the arena as
 * arena_reserve returned it, or zero: nothing is done. For `cleanup`. */
void arena_unreserve(const struct arena *reserved);

/* Returns memory for `count` items of `size` bytes: all zero, aligned for any type, never null. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
#define arena_new(arena, type, count) ((type *)arena_alloc(arena, count, sizeof(type)))

/* The same, but the bytes are not set to zero: for memory that is overwritten at once. */
void *arena_room(struct arena *arena, size_t size_bytes);

/* Makes room for one more item in a growing array. Returns the array, which may have moved; when it
 * is full, its capacity is doubled and *capacity updated. Start with a null array and capacity
 * 0. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

/* Makes a NUL-terminated copy for a system call. Fails if the text itself contains a NUL. */
must_check bool arena_name(struct arena *arena, struct str text, const char **ret_name,
                           struct error *error);

/* Make a copy that is NUL-terminated, so that `.data` can be passed to a system call. The caller
 * must have excluded a NUL inside the text. */
struct str arena_copy(struct arena *arena, struct str text);
struct str arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes a NUL-terminated copy that is escaped for a terminal or a log: see show.h. */
struct str arena_show(struct arena *arena, struct str text);

/* Returns how many bytes are left. A caller that can do without an input asks this before it reads
 * the input, because exhaustion ends the program. */
size_t arena_left(const struct arena *arena);

/* Splits an arena off the end of this one, for another thread, or for data that is needed for a
 * shorter time: to free it, the caller sets `end` back. */
struct arena arena_split(struct arena *arena, size_t size_bytes);
