#include "tests/check.h"

#include "schema/nix/name_table.h"

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

int main(void)
{
    return CHECK_ALL(
        CASE(an_empty_table_finds_nothing), CASE(names_have_numbers_in_the_order_of_adding),
        CASE(a_name_may_change_once_it_is_added), CASE(many_names_are_found_together_as_one_by_one),
        CASE(names_may_be_renumbered));
}
