/* name_table.h — a set of base names, each with a number: 0, 1, 2 … in the order of adding.
 *
 * The caller keeps what belongs to a name in an array of its own, under the name's number. The
 * names themselves are borrowed.
 */
#pragma once

#include "schema/base/arena.h"

/* "No such name." */
#define NAME_NONE UINT32_MAX

struct name_table {
    struct str *names;
    size_t count, capacity;
    uint32_t *slots; /* number + 1, or 0 */
    size_t slot_mask;
    struct arena *arena;
};

/* An empty table. It grows in the arena; `expected` names fit at once. */
struct name_table name_table_make(size_t expected, struct arena *arena);

/* The number of the name, or NAME_NONE. */
uint32_t name_table_find(const struct name_table *table, struct str base);

/* The number of the name, which is added if it is not there: then *ret_added is true. */
uint32_t name_table_add(struct name_table *table, struct str base, bool *ret_added);
