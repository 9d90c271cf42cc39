#include "builder/image/plan.h"
#include "tests/check.h"

enum { BLOCK = 1024, ROOM = 64 };

#define DIGEST "0123456789abcdfghijklmnpqrsvwxyz-"

static struct inventory make_inventory(struct arena *arena)
{
    struct inventory inventory = { .store = -1, .nodes = arena_new(arena, struct node, ROOM) };
    inventory.nodes[inventory.count++] = (struct node){ .kind = NODE_DIRECTORY, .name = STR("") };
    return inventory;
}

static uint32_t add(struct inventory *inventory, uint32_t parent, const char *name,
                    enum node_kind kind, uint64_t size_bytes)
{
    uint32_t node = (uint32_t)inventory->count++;
    inventory->nodes[node] = (struct node){
        .name = str_from(name),
        .parent = parent,
        .kind = kind,
        .size_bytes = size_bytes,
        .same_as = node,
    };
    inventory->file_count += kind == NODE_FILE;
    return node;
}

static void a_file_has_whole_blocks_and_a_tail(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t file = add(&inventory, 0, DIGEST "file", NODE_FILE, 2 * BLOCK + 10);
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    CHECK_NUMBER(plan.block_count, 3);
    CHECK_NUMBER(plan.fragment_start, 2);
    const struct placement *place = &plan.placements[file];
    CHECK_NUMBER(place->first_block, 0);
    CHECK_NUMBER(place->block_count, 2);
    CHECK_NUMBER(place->fragment, 0);
    CHECK_NUMBER(place->fragment_offset, 0);
    const struct piece *pieces = plan.pieces;
    CHECK_NUMBER(pieces[1].offset, BLOCK);
    CHECK_NUMBER(pieces[1].size_bytes, BLOCK);
    CHECK_NUMBER(pieces[plan.blocks[2].first_piece].offset, 2 * BLOCK);
    CHECK_NUMBER(pieces[plan.blocks[2].first_piece].size_bytes, 10);
}

static void a_multiple_of_the_block_has_no_tail(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t file = add(&inventory, 0, DIGEST "file", NODE_FILE, 3 * BLOCK);
    uint32_t empty = add(&inventory, 0, DIGEST "none", NODE_FILE, 0);
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    CHECK_NUMBER(plan.block_count, 3);
    CHECK_NUMBER(plan.fragment_start, 3);
    CHECK(plan.placements[file].fragment == PLAN_NO_FRAGMENT);
    CHECK(plan.placements[empty].fragment == PLAN_NO_FRAGMENT);
    CHECK_NUMBER(plan.placements[empty].block_count, 0);
}

static void nothing_has_no_blocks(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t directory = add(&inventory, 0, DIGEST "a", NODE_DIRECTORY, 0);
    add(&inventory, directory, "link", NODE_LINK, 0);
    CHECK_NUMBER(plan_make(&inventory, BLOCK, &arena).block_count, 0);
}

static void a_repetition_is_not_stored(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t first = add(&inventory, 0, DIGEST "a", NODE_FILE, BLOCK + 1);
    uint32_t second = add(&inventory, 0, DIGEST "b", NODE_FILE, BLOCK + 1);
    inventory.nodes[second].same_as = first;
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    CHECK_NUMBER(plan.block_count, 2);
    CHECK_NUMBER(plan.blocks[1].piece_count, 1);
}

static void tails_that_do_not_fit_begin_a_block(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t directory = add(&inventory, 0, DIGEST "a", NODE_DIRECTORY, 0);
    uint32_t first = add(&inventory, directory, "a", NODE_FILE, 700);
    uint32_t second = add(&inventory, directory, "b", NODE_FILE, 700);
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    CHECK_NUMBER(plan.block_count, 2);
    CHECK_NUMBER(plan.placements[first].fragment, 0);
    CHECK_NUMBER(plan.placements[second].fragment, 1);
    CHECK_NUMBER(plan.placements[second].fragment_offset, 0);
}

/* Are these, and no others, the tails in this order? */
static void check_order(const struct plan *plan, const uint32_t *nodes, size_t count)
{
    size_t seen = 0;
    for (size_t i = plan->fragment_start; i < plan->block_count; i++)
        for (size_t j = 0; j < plan->blocks[i].piece_count && seen < count; j++)
            CHECK_NUMBER(plan->pieces[plan->blocks[i].first_piece + j].node, nodes[seen++]);
    CHECK_NUMBER(seen, count);
}

static void alike_stands_beside_alike(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t one = add(&inventory, 0, DIGEST "one", NODE_DIRECTORY, 0);
    uint32_t two = add(&inventory, 0, DIGEST "two", NODE_DIRECTORY, 0);
    uint32_t program = add(&inventory, one, "program", NODE_FILE, 1);
    uint32_t text = add(&inventory, one, "text", NODE_FILE, 1);
    uint32_t library = add(&inventory, one, "libm.so.6.1", NODE_FILE, 1);
    uint32_t script = add(&inventory, one, "a.py", NODE_FILE, 1);
    uint32_t other = add(&inventory, two, "libz.so", NODE_FILE, 1);
    uint32_t more = add(&inventory, two, "b.py", NODE_FILE, 1);
    uint32_t hidden = add(&inventory, two, ".profile", NODE_FILE, 1);
    uint32_t dot = add(&inventory, two, "ends.", NODE_FILE, 1);
    inventory.nodes[program].is_executable = true;
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    check_order(&plan, (uint32_t[]){ text, hidden, dot, program, script, more, library, other }, 8);
}

static void a_text_in_many_languages_stands_together(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t package = add(&inventory, 0, DIGEST "p", NODE_DIRECTORY, 0);
    uint32_t german = add(&inventory, package, "de", NODE_DIRECTORY, 0);
    uint32_t french = add(&inventory, package, "fr", NODE_DIRECTORY, 0);
    uint32_t first = add(&inventory, german, "a.mo", NODE_FILE, 1);
    uint32_t second = add(&inventory, german, "b.mo", NODE_FILE, 1);
    uint32_t third = add(&inventory, french, "a.mo", NODE_FILE, 1);
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    check_order(&plan, (uint32_t[]){ first, third, second }, 3);
}

static void an_extra_file_has_its_whole_name(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t extra = add(&inventory, 0, "a", NODE_FILE, 5);
    uint32_t path = add(&inventory, 0, DIGEST "b", NODE_FILE, 5);
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    check_order(&plan, (uint32_t[]){ extra, path }, 2);
    CHECK_NUMBER(plan.placements[path].fragment_offset, 5);
}

/* Each byte of each file is in one block, and no block is too large. */
static void every_byte_has_its_place(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t directory = add(&inventory, 0, DIGEST "a", NODE_DIRECTORY, 0);
    uint64_t wanted = 0, planned = 0;
    while (inventory.count < ROOM) {
        uint64_t size = inventory.count * inventory.count * 7 % 3000;
        add(&inventory, directory, arena_format(&arena, "%zu.x", inventory.count).data, NODE_FILE,
            size);
        wanted += size;
    }
    struct plan plan = plan_make(&inventory, BLOCK, &arena);
    for (size_t i = 0; i < plan.block_count; i++) {
        uint64_t bytes = 0;
        for (size_t j = 0; j < plan.blocks[i].piece_count; j++)
            bytes += plan.pieces[plan.blocks[i].first_piece + j].size_bytes;
        CHECK_NUMBER(bytes, plan.blocks[i].size_bytes);
        CHECK(bytes <= BLOCK);
        planned += bytes;
    }
    CHECK_NUMBER(planned, wanted);
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_has_whole_blocks_and_a_tail),
                     CASE(a_multiple_of_the_block_has_no_tail), CASE(nothing_has_no_blocks),
                     CASE(a_repetition_is_not_stored), CASE(tails_that_do_not_fit_begin_a_block),
                     CASE(alike_stands_beside_alike),
                     CASE(a_text_in_many_languages_stands_together),
                     CASE(an_extra_file_has_its_whole_name), CASE(every_byte_has_its_place));
}
