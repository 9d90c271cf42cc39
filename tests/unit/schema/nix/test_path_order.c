#include "tests/check.h"

#include "schema/nix/path_order.h"

#include <string.h>
#include <sys/resource.h>

/* The base name of path number i; its digits are legal in a hash part. */
static struct str name(uint32_t i, struct arena *arena)
{
    return arena_format(arena, "%032u-p", i);
}

/* A list of `count` paths without references, ascending. */
static struct path_list make_list(uint32_t count, struct arena *arena)
{
    struct path_list list = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        struct path_info *info = path_list_add(&list, arena);
        info->name = name_table_add(&list.names, name(i, arena), arena);
        info->base = list.names.names[info->name];
    }
    return list;
}

static void refer(struct path_list *list, uint32_t from, uint32_t to, struct arena *arena)
{
    struct path_info *info = &list->items[from];
    uint32_t *references = arena_new(arena, uint32_t, info->reference_count + 1);
    if (info->reference_count > 0)
        memcpy(references, info->references, info->reference_count * sizeof *references);
    references[info->reference_count++] = name_table_add(&list->names, name(to, arena), arena);
    info->references = references;
}

/* A list of as many paths as digits need; "01 12" has 0 refer to 1 and 1 to 2. */
static struct path_list make_referring(uint32_t count, const char *references, struct arena *arena)
{
    struct path_list list = make_list(count, arena);
    for (const char *at = references; *at; at += at[2] ? 3 : 2)
        refer(&list, (uint32_t)(at[0] - '0'), (uint32_t)(at[1] - '0'), arena);
    return list;
}

static void an_empty_list_has_an_empty_order(struct arena arena)
{
    struct path_list list = { 0 };
    uint32_t order[1];
    CHECK(!path_order_find(&list, arena, order).found);
}

static void references_to_elsewhere_do_not_count(struct arena arena)
{
    struct path_list list = make_referring(2, "09 01 18 08", &arena);
    uint32_t order[2];
    CHECK(!path_order_find(&list, arena, order).found);
    CHECK(order[0] == 1 && order[1] == 0);
}

/* Counts the references that come before what they refer to, and paths that are not there once. */
static size_t count_misplaced(const struct path_list *list, const uint32_t *order,
                              struct arena scratch)
{
    size_t *places = arena_new(&scratch, size_t, list->count);
    size_t wrong = 0;
    for (size_t i = 0; i < list->count; i++) {
        wrong += order[i] >= list->count || places[order[i]] != 0;
        places[order[i]] = i + 1;
    }
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->items[i].reference_count; j++) {
            uint32_t target = list->items[i].references[j];
            wrong += target != i && places[target] > places[i];
        }
    return wrong;
}

static void each_path_comes_after_those_it_refers_to(struct arena arena)
{
    static const struct {
        uint32_t count;
        const char *references;
    } rows[] = {
        { 1, "" },
        { 1, "00" },
        { 3, "" },
        { 3, "01 12" },
        { 3, "21 10" },
        { 3, "00 11 22" },
        { 3, "01 00 11 12" },
        { 4, "01 02 13 23" },
        { 4, "30 31 32 21 20 10" },
        { 5, "01 01 04 43 33 32" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t order[8];
        check_about("%s", rows[i].references);
        struct path_list list = make_referring(rows[i].count, rows[i].references, &arena);
        struct path_cycle cycle = path_order_find(&list, arena, order);
        if (CHECK(!cycle.found))
            CHECK_NUMBER(count_misplaced(&list, order, arena), 0);
    }
}

/* Is `to` reached from `from`? The graphs are small. */
static bool reaches(const struct path_list *list, uint32_t from, uint32_t to, size_t steps)
{
    if (from == to)
        return true;
    const struct path_info *info = &list->items[from];
    for (size_t i = 0; i < info->reference_count && steps > 0; i++)
        if (reaches(list, info->references[i], to, steps - 1))
            return true;
    return false;
}

static bool refers(const struct path_list *list, uint32_t from, uint32_t to)
{
    const struct path_info *info = &list->items[from];
    for (size_t i = 0; i < info->reference_count; i++)
        if (info->references[i] == to)
            return true;
    return false;
}

static void a_cycle_is_found_and_named(struct arena arena)
{
    static const char *const rows[] = {
        "01 10", "01 12 20", "00 01 11 10", "10 21 12", "32 23", "01 02 13 31", "01 12 23 31",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t order[8];
        check_about("%s", rows[i]);
        struct path_list list = make_referring(4, rows[i], &arena);
        struct path_cycle cycle = path_order_find(&list, arena, order);
        if (!CHECK(cycle.found))
            continue;
        CHECK(cycle.from != cycle.to);
        CHECK(refers(&list, cycle.from, cycle.to));
        CHECK(reaches(&list, cycle.to, cycle.from, 4));
    }
}

enum { DEEP = 200000, STACK_BYTES = 256 << 10 };

/* Orders a chain in which path i refers to i + 1 and to itself, with next to no stack. */
static struct path_cycle order_chain(struct arena *arena, bool closed, struct path_list *ret_list,
                                     uint32_t *ret_order)
{
    struct path_list list = make_list(DEEP, arena);
    for (uint32_t i = 0; i + 1 < DEEP; i++) {
        refer(&list, i, i, arena);
        refer(&list, i, i + 1, arena);
    }
    if (closed)
        refer(&list, DEEP - 1, 0, arena);
    struct rlimit before, small;
    CHECK(getrlimit(RLIMIT_STACK, &before) == 0);
    small = (struct rlimit){ .rlim_cur = STACK_BYTES, .rlim_max = before.rlim_max };
    CHECK(setrlimit(RLIMIT_STACK, &small) == 0);
    struct path_cycle cycle = path_order_find(&list, *arena, ret_order);
    *ret_list = list;
    CHECK(setrlimit(RLIMIT_STACK, &before) == 0);
    return cycle;
}

static void a_chain_may_be_as_long_as_the_list(struct arena arena)
{
    struct path_list list;
    uint32_t *order = arena_new(&arena, uint32_t, DEEP);
    if (!CHECK(!order_chain(&arena, false, &list, order).found))
        return;
    CHECK_NUMBER(count_misplaced(&list, order, arena), 0);
    CHECK_NUMBER(order[0], DEEP - 1);
    CHECK_NUMBER(order[DEEP - 1], 0);
}

static void a_cycle_may_be_as_long_as_the_list(struct arena arena)
{
    struct path_list list;
    uint32_t *order = arena_new(&arena, uint32_t, DEEP);
    struct path_cycle cycle = order_chain(&arena, true, &list, order);
    CHECK(cycle.found);
    CHECK_NUMBER(cycle.from, DEEP - 1);
    CHECK_NUMBER(cycle.to, 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(an_empty_list_has_an_empty_order), CASE(references_to_elsewhere_do_not_count),
        CASE(each_path_comes_after_those_it_refers_to), CASE(a_cycle_is_found_and_named),
        CASE(a_chain_may_be_as_long_as_the_list), CASE(a_cycle_may_be_as_long_as_the_list));
}
