#include "tests/check.h"

#include "schema/path_graph.h"

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
    for (uint32_t i = 0; i < count; i++)
        path_list_add(&list, arena)->base = name(i, arena);
    return list;
}

static void refer(struct path_list *list, uint32_t from, uint32_t to, struct arena *arena)
{
    struct path_info *info = &list->items[from];
    struct str *references = arena_new(arena, struct str, info->reference_count + 1);
    if (info->reference_count > 0)
        memcpy(references, info->references, info->reference_count * sizeof *references);
    references[info->reference_count++] = name(to, arena);
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

static struct path_graph make_graph(const struct path_list *list, struct arena *arena)
{
    struct name_table table = path_table_make(list, arena);
    return path_graph_make(list, &table, arena);
}

static void every_path_is_found_and_no_other(struct arena arena)
{
    enum { PATHS = 1000 };
    struct path_list list = make_list(PATHS, &arena);
    struct name_table table = path_table_make(&list, &arena);
    size_t wrong = 0;
    for (uint32_t i = 0; i < PATHS; i++)
        wrong += name_table_find(&table, name(i, &arena)) != i;
    CHECK_NUMBER(wrong, 0);
    CHECK_NUMBER(name_table_find(&table, name(PATHS, &arena)), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("00000000000000000000000000000000-q")), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("00000000000000000000000000000000-pp")), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("0")), NAME_NONE);
    CHECK_NUMBER(name_table_find(&table, STR("")), NAME_NONE);
}

static void an_empty_list_has_an_empty_graph(struct arena arena)
{
    struct path_list list = { 0 };
    uint32_t order[1];
    struct path_graph graph = make_graph(&list, &arena);
    CHECK_NUMBER(graph.count, 0);
    CHECK_NUMBER(graph.starts[0], 0);
    CHECK_NUMBER(graph.outside_count, 0);
    CHECK(!path_graph_order(&graph, arena, order).found);
}

static void the_graph_has_the_references_by_index(struct arena arena)
{
    static const uint32_t targets[] = { 1, 2, 2, 0 };
    static const size_t starts[] = { 0, 2, 2, 4 };
    struct path_list list = make_referring(3, "01 02 22 20", &arena);
    struct path_graph graph = make_graph(&list, &arena);
    CHECK_NUMBER(graph.count, 3);
    CHECK(memcmp(graph.starts, starts, sizeof starts) == 0);
    CHECK(memcmp(graph.targets, targets, sizeof targets) == 0);
    CHECK_NUMBER(graph.outside_count, 0);
}

static void references_to_elsewhere_are_listed_apart(struct arena arena)
{
    struct path_list list = make_referring(3, "09 01 28 09", &arena);
    struct path_graph graph = make_graph(&list, &arena);
    static const size_t starts[] = { 0, 1, 1, 1 };
    CHECK(memcmp(graph.starts, starts, sizeof starts) == 0);
    CHECK_NUMBER(graph.targets[0], 1);
    if (!CHECK_NUMBER(graph.outside_count, 3))
        return;
    static const uint32_t referrers[] = { 0, 0, 2 }, bases[] = { 9, 9, 8 };
    for (size_t i = 0; i < 3; i++) {
        CHECK_NUMBER(graph.outside[i].referrer, referrers[i]);
        CHECK_STR(graph.outside[i].base, name(bases[i], &arena));
    }
}

/* Counts the references that come before what they refer to, and paths that are not there once. */
static size_t count_misplaced(const struct path_graph *graph, const uint32_t *order,
                              struct arena scratch)
{
    size_t *places = arena_new(&scratch, size_t, graph->count);
    size_t wrong = 0;
    for (size_t i = 0; i < graph->count; i++) {
        wrong += order[i] >= graph->count || places[order[i]] != 0;
        places[order[i]] = i + 1;
    }
    for (size_t i = 0; i < graph->count; i++)
        for (size_t j = graph->starts[i]; j < graph->starts[i + 1]; j++)
            wrong += graph->targets[j] != i && places[graph->targets[j]] > places[i];
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
        struct path_graph graph = make_graph(&list, &arena);
        struct path_cycle cycle = path_graph_order(&graph, arena, order);
        if (CHECK(!cycle.found))
            CHECK_NUMBER(count_misplaced(&graph, order, arena), 0);
    }
}

/* Is `to` reached from `from`? The graphs are small. */
static bool reaches(const struct path_graph *graph, uint32_t from, uint32_t to, size_t steps)
{
    if (from == to)
        return true;
    for (size_t i = graph->starts[from]; i < graph->starts[from + 1] && steps > 0; i++)
        if (reaches(graph, graph->targets[i], to, steps - 1))
            return true;
    return false;
}

static bool refers(const struct path_graph *graph, uint32_t from, uint32_t to)
{
    for (size_t i = graph->starts[from]; i < graph->starts[from + 1]; i++)
        if (graph->targets[i] == to)
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
        struct path_graph graph = make_graph(&list, &arena);
        struct path_cycle cycle = path_graph_order(&graph, arena, order);
        if (!CHECK(cycle.found))
            continue;
        CHECK(cycle.from != cycle.to);
        CHECK(refers(&graph, cycle.from, cycle.to));
        CHECK(reaches(&graph, cycle.to, cycle.from, 4));
    }
}

enum { DEEP = 200000, STACK_BYTES = 256 << 10 };

/* Orders a chain in which path i refers to i + 1 and to itself, with next to no stack. */
static struct path_cycle order_chain(struct arena *arena, bool closed, struct path_graph *ret_graph,
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
    *ret_graph = make_graph(&list, arena);
    struct path_cycle cycle = path_graph_order(ret_graph, *arena, ret_order);
    CHECK(setrlimit(RLIMIT_STACK, &before) == 0);
    return cycle;
}

static void a_chain_may_be_as_long_as_the_list(struct arena arena)
{
    struct path_graph graph;
    uint32_t *order = arena_new(&arena, uint32_t, DEEP);
    if (!CHECK(!order_chain(&arena, false, &graph, order).found))
        return;
    CHECK_NUMBER(count_misplaced(&graph, order, arena), 0);
    CHECK_NUMBER(order[0], DEEP - 1);
    CHECK_NUMBER(order[DEEP - 1], 0);
}

static void a_cycle_may_be_as_long_as_the_list(struct arena arena)
{
    struct path_graph graph;
    uint32_t *order = arena_new(&arena, uint32_t, DEEP);
    struct path_cycle cycle = order_chain(&arena, true, &graph, order);
    CHECK(cycle.found);
    CHECK_NUMBER(cycle.from, DEEP - 1);
    CHECK_NUMBER(cycle.to, 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(every_path_is_found_and_no_other), CASE(an_empty_list_has_an_empty_graph),
        CASE(the_graph_has_the_references_by_index), CASE(references_to_elsewhere_are_listed_apart),
        CASE(each_path_comes_after_those_it_refers_to), CASE(a_cycle_is_found_and_named),
        CASE(a_chain_may_be_as_long_as_the_list), CASE(a_cycle_may_be_as_long_as_the_list));
}
