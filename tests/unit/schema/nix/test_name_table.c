#include "tests/check.h"

#include "schema/nix/name_table.h"

#include <string.h>
#include <sys/auxv.h>

#define D "0123456789abcdfghijklmnpqrsvwxyz"

static struct str number_name(uint32_t i, struct arena *arena)
{
    return arena_format(arena, "%032u-p", i);
}

/* Short ones, one inside the other, such that differ in the first or the last byte, binary. */
static const char *const odd_names[] = {
    "a",         "b",        "ab",     "abcdefg",     "abcdefgh", "abcdefghi",
    "bbcdefghi", D "-p",     D "-pp",  D "-q",        D,          "1" D "-p",
    D "-p.drv",  D "-p\xff", D "-p-1", D "-p-1.0.12", D "-p-1.0",
};
enum { ODD_NAMES = sizeof odd_names / sizeof *odd_names };

static void an_empty_table_finds_nothing(void)
{
    struct name_table table = { 0 };
    uint32_t numbers[2] = { 0 };
    CHECK_NUMBER(name_table_find(&table, STR(D "-p")), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("")), NAME_NONE);
    name_table_find_all(&table, (struct str[]){ STR("a"), STR("") }, 2, numbers);
    CHECK(numbers[0] == NAME_NONE && numbers[1] == NAME_NONE);
}

static void names_have_numbers_in_the_order_of_adding(struct arena arena)
{
    struct name_table table = { 0 };
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < ODD_NAMES; i++)
            CHECK_NUMBER(name_table_add(&table, str_from(odd_names[i]), &arena), i);
    CHECK_NUMBER(table.count, ODD_NAMES);
    for (uint32_t i = 0; i < ODD_NAMES; i++) {
        CHECK_STR(table.names[i], odd_names[i]);
        CHECK_NUMBER(table.names[i].data[table.names[i].len], 0);
        CHECK_NUMBER(name_table_find(&table, str_from(odd_names[i])), i);
    }
    CHECK_NUMBER(name_table_find(&table, STR(D "-r")), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("")), NAME_NONE);
}

static void a_name_may_change_once_it_is_added(struct arena arena)
{
    struct name_table table = { 0 };
    char name[] = D "-p";
    name_table_add(&table, str_from(name), &arena);
    name[0] = '1';
    CHECK_NUMBER(name_table_find(&table, str_from(name)), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR(D "-p")), 0);
}

enum { MANY = 20000 };

static struct name_table make_many(struct arena *arena)
{
    struct name_table table = { 0 };
    for (uint32_t i = 0; i < MANY; i++)
        name_table_add(&table, number_name(i, arena), arena);
    return table;
}

static void many_names_are_found_together_as_one_by_one(struct arena arena)
{
    struct name_table table = make_many(&arena);
    struct str *names = arena_new(&arena, struct str, 2 * MANY);
    uint32_t *numbers = arena_new(&arena, uint32_t, 2 * MANY);
    size_t wrong = 0;
    for (uint32_t i = 0; i < 2 * MANY; i++)
        names[i] = number_name(i, &arena);
    name_table_find_all(&table, names, 2 * MANY, numbers);
    for (uint32_t i = 0; i < 2 * MANY; i++)
        wrong += numbers[i] != (i < MANY ? i : NAME_NONE) ||
                 numbers[i] != name_table_find(&table, names[i]);
    CHECK_NUMBER(wrong, 0);
}

static void names_may_be_renumbered(struct arena arena)
{
    struct name_table table = make_many(&arena);
    uint32_t *numbers = arena_new(&arena, uint32_t, MANY);
    size_t wrong = 0;
    for (uint32_t i = 0; i < MANY; i++)
        numbers[i] = (uint32_t)((uint64_t)i * 7919 % MANY);
    name_table_renumber(&table, numbers, arena);
    for (uint32_t i = 0; i < MANY; i++)
        wrong += name_table_find(&table, number_name(i, &arena)) != numbers[i] ||
                 !str_equal(table.names[numbers[i]], number_name(i, &arena));
    CHECK_NUMBER(wrong, 0);
    CHECK_NUMBER(name_table_add(&table, STR("new"), &arena), MANY);
}

/* How far behind its own place a name lies, all names together: the slots that finding them looks at besides. */
static uint64_t extra_probes(const struct name_table *table)
{
    uint64_t probes = 0;
    size_t mask = table->slot_count - 1;
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].number_plus_one)
            probes += (i - table->slots[i].tag) & mask;
    return probes;
}

enum { CHOSEN = 4000, CHOSEN_LENGTH = 208 };

/* A product with a factor 0 is 0, whatever the other is: names for which it would be that, if nothing or what
 * everybody knows were mixed into it. */
static struct str zero_factor_name(uint32_t i, struct arena *arena)
{
    return (struct str){ arena_format(arena, "\x15\x7c\x4a\x7f\xb9\x79\x37\x9e%08u", i).data, 16 };
}

/* Names that differ in the last byte of words of eight, which is the factor's uppermost: the lower half of the
 * products then takes 256 values, whatever the factors are mixed with. */
static struct str upper_byte_name(uint32_t i, struct arena *arena)
{
    char *name = arena_room(arena, CHOSEN_LENGTH);
    memset(name, 'a', CHOSEN_LENGTH);
    for (size_t digit = 0; digit < 12; digit++)
        name[8 * digit + 7] += (i >> digit) % 2;
    return (struct str){ name, CHOSEN_LENGTH };
}

static void names_chosen_against_the_function_share_no_slots(struct arena arena)
{
    struct str (*const choices[])(uint32_t, struct arena *) = { zero_factor_name, upper_byte_name };
    for (size_t choice = 0; choice < 2; choice++) {
        struct name_table table = { 0 };
        for (uint32_t i = 0; i < CHOSEN; i++)
            CHECK_NUMBER(name_table_add(&table, choices[choice](i, &arena), &arena), i);
        /* Half of the slots or fewer are taken: less than one for a name is expected, and four is out of reach. */
        CHECK(extra_probes(&table) < 4 * CHOSEN);
    }
}

enum { KNOWN_SEED = 1234567, TRIED = 1 << 17, PLACES = 512, WANTED = 200 };

/* Names that all have one place of 512 under a seed. */
static size_t choose_against(uint64_t seed, struct str *ret_names, struct arena *arena)
{
    struct name_table table = { .seed = seed };
    size_t count = 0;
    for (uint32_t i = 0; i < TRIED; i++)
        name_table_add(&table, number_name(i, arena), arena);
    for (size_t i = 0; i < table.slot_count && count < WANTED; i++)
        if (table.slots[i].number_plus_one && table.slots[i].tag % PLACES == 0)
            ret_names[count++] = table.names[table.slots[i].number_plus_one - 1];
    return count;
}

static void names_chosen_against_a_seed_are_harmless_under_another(struct arena arena)
{
    struct str names[WANTED];
    CHECK_NUMBER(choose_against(KNOWN_SEED, names, &arena), WANTED);
    struct name_table known = { .seed = KNOWN_SEED }, other = { .seed = KNOWN_SEED + 1 },
                      own = { 0 };
    for (uint32_t i = 0; i < WANTED; i++) {
        CHECK_NUMBER(name_table_add(&known, names[i], &arena), i);
        CHECK_NUMBER(name_table_add(&other, names[i], &arena), i);
        CHECK_NUMBER(name_table_add(&own, names[i], &arena), i);
    }
    CHECK_NUMBER(known.slot_count, PLACES);
    CHECK(extra_probes(&known) >= WANTED * (WANTED - 1) / 2);
    CHECK(extra_probes(&other) < 4 * WANTED);
    CHECK(extra_probes(&own) < 4 * WANTED);
}

static uint64_t seed_of_new_table(struct arena arena)
{
    struct name_table table = { 0 };
    name_table_add(&table, STR("a"), &arena);
    return table.seed;
}

/* They lie in the process's own memory. */
static void the_seed_is_made_of_all_random_bytes_of_the_process(struct arena arena)
{
    char *bytes = (char *)getauxval(AT_RANDOM);
    uint64_t seed = seed_of_new_table(arena);
    CHECK(seed_of_new_table(arena) == seed);
    for (size_t i = 0; i < 16; i++) {
        bytes[i] = (char)~bytes[i];
        CHECK(seed_of_new_table(arena) != seed);
        bytes[i] = (char)~bytes[i];
    }
}

static void numbers_are_the_same_whatever_the_seed(struct arena arena)
{
    struct name_table one = { .seed = 1 }, other = { .seed = UINT64_MAX };
    size_t wrong = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        struct str name = number_name(i * 7919 % MANY, &arena);
        wrong +=
            name_table_add(&one, name, &arena) != i || name_table_add(&other, name, &arena) != i;
    }
    CHECK_NUMBER(wrong, 0);
    for (uint32_t i = 0; i < MANY; i++)
        wrong += !str_equal(one.names[i], other.names[i]) ||
                 name_table_find(&one, one.names[i]) != name_table_find(&other, one.names[i]);
    CHECK_NUMBER(wrong, 0);
    CHECK(one.slot_count == other.slot_count &&
          memcmp(one.slots, other.slots, one.slot_count * sizeof *one.slots) != 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(an_empty_table_finds_nothing), CASE(names_have_numbers_in_the_order_of_adding),
        CASE(a_name_may_change_once_it_is_added), CASE(many_names_are_found_together_as_one_by_one),
        CASE(names_may_be_renumbered), CASE(names_chosen_against_the_function_share_no_slots),
        CASE(names_chosen_against_a_seed_are_harmless_under_another),
        CASE(the_seed_is_made_of_all_random_bytes_of_the_process),
        CASE(numbers_are_the_same_whatever_the_seed));
}
