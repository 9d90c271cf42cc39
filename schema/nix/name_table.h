/* name_table.h — a set of base names, each with a number: 0, 1, 2 … in the order of adding.
 *
 * The caller keeps what belongs to a name in an array of its own, under the name's number. The
 * names are copied, close together: looking many of them up touches little memory. A table starts
 * all zero.
 */
#pragma once

#include "schema/base/arena.h"

/* "No such name." */
#define NAME_NONE UINT32_MAX

struct name_slot {
    uint32_t tag; /* of the name's bytes */
    uint32_t number_plus_one;
};

struct name_table {
    struct str *names;
    size_t count, capacity;
    struct name_slot *slots;
    size_t slot_count;
    char *room; /* for copies of names */
    size_t room_bytes;
};

/* The number of the name, or NAME_NONE. */
uint32_t name_table_find(const struct name_table *table, struct str name);

/* The numbers of many names. Faster than one by one, since their slots are fetched meanwhile. */
void name_table_find_all(const struct name_table *table, const struct str *names, size_t count,
                         uint32_t *ret_numbers);

/* The number of the name, which is added if it is not there. */
uint32_t name_table_add(struct name_table *table, struct str name, struct arena *arena);

/* Gives every name a new number; `new_numbers`, by the old ones, holds each number once. */
void name_table_renumber(struct name_table *table, const uint32_t *new_numbers,
                         struct arena scratch);
