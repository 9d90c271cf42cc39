/* name_table.h — a set of base names, numbered 0, 1, 2 … in the order in which they are added.
 *
 * The caller keeps the data of a name in an array of its own, indexed by the name's number. Names
 * are copied next to each other, so that looking up many of them touches little memory. An empty
 * table is all zero.
 *
 * Speed     Names come from manifests, databases and images of any origin. Which names share a slot
 *           depends on a random seed, so that no choice of names makes the table slow.
 * Order     Numbers do not depend on the seed, and nothing is in the order of the slots.
 */
#pragma once

#include "schema/base/arena.h"

/* The number of a name that is not in the table. */
#define NAME_NONE UINT32_MAX

struct name_slot {
    uint32_t tag; /* hash of the name */
    uint32_t number_plus_one;
};

struct name_table {
    struct str *names;
    size_t count, capacity;
    struct name_slot *slots;
    size_t slot_count;
    uint64_t seed; /* 0: take the seed of this process with the first name */
    char *room;    /* free memory for copies of names */
    size_t room_bytes;
};

/* Returns the seed of this process, from the random bytes that the kernel gives to each; not 0. */
uint64_t name_seed(void);

/* Returns a hash of the name, of which the upper bits are the better ones. */
uint64_t name_hash(uint64_t seed, struct str name);

/* Returns the number of a name, or NAME_NONE. */
uint32_t name_table_find(const struct name_table *table, struct str name);

/* Looks up many names. This is faster than one by one, because their slots are prefetched. */
void name_table_find_all(const struct name_table *table, const struct str *names, size_t count,
                         uint32_t *ret_numbers);

/* Returns the number of a name, and adds the name if it is new. */
uint32_t name_table_add(struct name_table *table, struct str name, struct arena *arena);

/* Gives each name a new number, new_numbers[OLD NUMBER]. The array holds each number exactly
 * once. */
void name_table_renumber(struct name_table *table, const uint32_t *new_numbers,
                         struct arena scratch);
