#include "schema/name_table.h"

#include "schema/store_path.h"

enum { SLOTS_LEAST = 64 };

/* The slot of the name, or the free one where it would go. */
static size_t slot_of(const struct name_table *table, struct str base)
{
    size_t slot = store_path_hash(base) & table->slot_mask;
    while (table->slots[slot] != 0 && !str_equal(table->names[table->slots[slot] - 1], base))
        slot = (slot + 1) & table->slot_mask;
    return slot;
}

static void make_slots(struct name_table *table, size_t slots)
{
    table->slots = arena_new(table->arena, uint32_t, slots);
    table->slot_mask = slots - 1;
    for (size_t i = 0; i < table->count; i++)
        table->slots[slot_of(table, table->names[i])] = (uint32_t)i + 1;
}

struct name_table name_table_make(size_t expected, struct arena *arena)
{
    struct name_table table = {
        .names = arena_new(arena, struct str, expected),
        .capacity = expected,
        .arena = arena,
    };
    size_t slots = SLOTS_LEAST;
    while (slots < expected * 2)
        slots *= 2;
    make_slots(&table, slots);
    return table;
}

uint32_t name_table_find(const struct name_table *table, struct str base)
{
    if (base.len <= STORE_PATH_DIGEST_LENGTH)
        return NAME_NONE;
    /* The empty slot's 0 becomes NAME_NONE. */
    return table->slots[slot_of(table, base)] - 1;
}

uint32_t name_table_add(struct name_table *table, struct str base, bool *ret_added)
{
    if (table->count * 2 > table->slot_mask)
        make_slots(table, (table->slot_mask + 1) * 2);
    size_t slot = slot_of(table, base);
    *ret_added = table->slots[slot] == 0;
    if (*ret_added) {
        table->names = arena_grow(table->arena, table->names, table->count, &table->capacity,
                                  sizeof *table->names);
        table->names[table->count++] = base;
        table->slots[slot] = (uint32_t)table->count;
    }
    return table->slots[slot] - 1;
}
