#include "schema/nix/name_table.h"

#include <assert.h>
#include <string.h>
#include <sys/auxv.h>

enum { SLOTS_LEAST = 64, ROOM_BYTES = 64 << 10, NAME_ALIGN = 8, FIND_BATCH = 64 };

static uint64_t load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint64_t name_seed(void)
{
    const char *drawn = (const char *)getauxval(AT_RANDOM);
    assert(drawn);
    return (load_word(drawn) ^ (load_word(drawn + 8) << 17 | load_word(drawn + 8) >> 47)) | 1;
}

/* Uses all 128 bits of the product. The upper bits of a factor hardly change the lower half, whatever the
 * seed is. */
static uint64_t fold(uint64_t one, uint64_t other)
{
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hashes the whole name, sixteen bytes at a time; the last sixteen may overlap those before. The
 * multiplications do not depend on each other, so the CPU can do them in parallel. Both factors depend on
 * the seed: whoever chooses the names cannot make a factor 0. */
uint64_t name_hash(uint64_t seed, struct str name)
{
    char few[16] = { 0 };
    const char *data = name.data;
    size_t length = name.len;
    uint64_t hash = length, key = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    uint64_t other_key = seed * UINT64_C(0xd6e8feb86659fd93);
    if (length < sizeof few) {
        if (length)
            memcpy(few, data, length);
        data = few;
        length = sizeof few;
    }
    for (size_t i = 0; i + 16 < length; i += 16) {
        hash += fold(load_word(data + i) ^ key, load_word(data + i + 8) ^ other_key);
        key += UINT64_C(0xbf58476d1ce4e5b8);
    }
    hash += fold(load_word(data + length - 16) ^ key, load_word(data + length - 8) ^ other_key);
    return (hash ^ hash >> 32) * UINT64_C(0x94d049bb133111eb);
}

static uint32_t tag_of(const struct name_table *table, struct str name)
{
    return (uint32_t)(name_hash(table->seed, name) >> 32);
}

/* Returns the slot of the name, or the free slot for it. */
static struct name_slot *slot_of(const struct name_table *table, struct str name, uint32_t tag)
{
    size_t at = tag & (table->slot_count - 1);
    for (;; at = (at + 1) & (table->slot_count - 1)) {
        struct name_slot *slot = &table->slots[at];
        if (slot->number_plus_one == 0 ||
            (slot->tag == tag && str_equal(table->names[slot->number_plus_one - 1], name)))
            return slot;
    }
}

static void widen(struct name_table *table, struct arena *arena)
{
    struct name_table wider = *table;
    wider.slot_count = table->slot_count ? 2 * table->slot_count : SLOTS_LEAST;
    if (wider.seed == 0)
        wider.seed = name_seed();
    wider.slots = arena_new(arena, struct name_slot, wider.slot_count);
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct name_slot *slot = &table->slots[i];
        size_t at = slot->tag & (wider.slot_count - 1);
        if (slot->number_plus_one == 0)
            continue;
        while (wider.slots[at].number_plus_one != 0)
            at = (at + 1) & (wider.slot_count - 1);
        wider.slots[at] = *slot;
    }
    *table = wider;
}

static struct str copy_name(struct name_table *table, struct str name, struct arena *arena)
{
    size_t size = (name.len + 1 + NAME_ALIGN - 1) / NAME_ALIGN * NAME_ALIGN;
    if (size > table->room_bytes) {
        table->room_bytes = size > ROOM_BYTES ? size : ROOM_BYTES;
        table->room = arena_room(arena, table->room_bytes);
    }
    char *copy = table->room;
    memcpy(copy, name.data, name.len);
    copy[name.len] = '\0';
    table->room += size;
    table->room_bytes -= size;
    return (struct str){ copy, name.len };
}

uint32_t name_table_find(const struct name_table *table, struct str name)
{
    /* An empty slot has number_plus_one 0, which makes NAME_NONE. */
    return table->slot_count ? slot_of(table, name, tag_of(table, name))->number_plus_one - 1
                             : NAME_NONE;
}

static void find_batch(const struct name_table *table, const struct str *names, size_t count,
                       uint32_t *ret_numbers)
{
    size_t mask = table->slot_count - 1;
    uint32_t numbers[FIND_BATCH];
    for (size_t i = 0; i < count; i++) {
        ret_numbers[i] = tag_of(table, names[i]);
        __builtin_prefetch(&table->slots[ret_numbers[i] & mask]);
    }
    /* For an empty slot, prefetch any name. */
    for (size_t i = 0; i < count; i++) {
        numbers[i] = table->slots[ret_numbers[i] & mask].number_plus_one;
        numbers[i] -= numbers[i] > 0;
        __builtin_prefetch(&table->names[numbers[i]]);
    }
    for (size_t i = 0; i < count; i++) {
        struct str name = table->names[numbers[i]];
        __builtin_prefetch(name.data);
        __builtin_prefetch(name.data + name.len);
    }
    for (size_t i = 0; i < count; i++)
        ret_numbers[i] = slot_of(table, names[i], ret_numbers[i])->number_plus_one - 1;
}

void name_table_find_all(const struct name_table *table, const struct str *names, size_t count,
                         uint32_t *ret_numbers)
{
    for (size_t first = 0; first < count; first += FIND_BATCH) {
        size_t some = count - first < FIND_BATCH ? count - first : FIND_BATCH;
        if (table->count)
            find_batch(table, names + first, some, ret_numbers + first);
        else
            memset(ret_numbers + first, 0xff, some * sizeof *ret_numbers);
    }
}

uint32_t name_table_add(struct name_table *table, struct str name, struct arena *arena)
{
    if (table->count * 2 >= table->slot_count)
        widen(table, arena);
    uint32_t tag = tag_of(table, name);
    struct name_slot *slot = slot_of(table, name, tag);
    if (slot->number_plus_one == 0) {
        table->names =
            arena_grow(arena, table->names, table->count, &table->capacity, sizeof *table->names);
        table->names[table->count++] = copy_name(table, name, arena);
        *slot = (struct name_slot){ tag, (uint32_t)table->count };
    }
    return slot->number_plus_one - 1;
}

void name_table_renumber(struct name_table *table, const uint32_t *new_numbers,
                         struct arena scratch)
{
    struct str *old = arena_room(&scratch, table->count * sizeof *old);
    if (table->count)
        memcpy(old, table->names, table->count * sizeof *old);
    for (size_t i = 0; i < table->count; i++)
        table->names[new_numbers[i]] = old[i];
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].number_plus_one)
            table->slots[i].number_plus_one = new_numbers[table->slots[i].number_plus_one - 1] + 1;
}
