/* turns.h — the order in which threads take up tasks: the largest first, so that no thread is left with a
 * large one when the others are done.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One task, as parallel.h numbers turns. */
struct turn {
    uint64_t size_bytes; /* what it has to read, or any other measure of its work */
    uint32_t index;      /* whose task it is */
};

/* Sorts turns in place. Tasks of the same size keep the order of their indexes. */
void turns_sort(struct turn *turns, size_t count);

/* Sorts only the large ones to the front, of which one takes more than a sixteenth of a thread's work. All
 * others keep the order of their indexes, and their size becomes 0. */
void turns_large_first(struct turn *turns, size_t count, unsigned jobs);
