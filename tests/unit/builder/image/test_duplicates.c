#include "builder/image/duplicates.h"
#include "tests/check.h"

enum { ROOM = 16 };

static struct inventory make_inventory(struct arena *arena)
{
    struct inventory inventory = { .store = -1, .nodes = arena_new(arena, struct node, ROOM) };
    inventory.nodes[inventory.count++] = (struct node){ .kind = NODE_DIRECTORY };
    return inventory;
}

static uint32_t add(struct inventory *inventory, uint64_t size_bytes, uint64_t inode)
{
    uint32_t node = (uint32_t)inventory->count++;
    inventory->nodes[node] = (struct node){
        .kind = NODE_FILE,
        .size_bytes = size_bytes,
        .device = 1,
        .inode = inode,
        .same_as = node,
    };
    inventory->file_count++;
    return node;
}

static const struct hash one = { { 1 } }, two = { { 2 } };

static void only_files_of_one_size_are_looked_at(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t alone = add(&inventory, 10, 1), first = add(&inventory, 20, 2);
    uint32_t second = add(&inventory, 20, 3), empty = add(&inventory, 0, 4);
    add(&inventory, 0, 5);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    CHECK_NUMBER(duplicates.count, 2);
    CHECK(!duplicates_want(&duplicates, alone) && !duplicates_want(&duplicates, empty));
    CHECK(duplicates_want(&duplicates, first) && duplicates_want(&duplicates, second));
}

static void equal_files_are_stored_once(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t nodes[4];
    for (size_t i = 0; i < 4; i++)
        nodes[i] = add(&inventory, 20, i + 1);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    for (size_t i = 0; i < 4; i++)
        duplicates_tell_checksum(&duplicates, nodes[i], i == 1 ? 5 : 6);
    duplicates_narrow(&duplicates);
    CHECK_NUMBER(duplicates.count, 3);
    CHECK(!duplicates_want(&duplicates, nodes[1]));
    duplicates_tell_hash(&duplicates, nodes[0], &one);
    duplicates_tell_hash(&duplicates, nodes[2], &two);
    duplicates_tell_hash(&duplicates, nodes[3], &one);
    duplicates_resolve(&duplicates, &inventory);
    CHECK_NUMBER(inventory.nodes[nodes[0]].same_as, nodes[0]);
    CHECK_NUMBER(inventory.nodes[nodes[1]].same_as, nodes[1]);
    CHECK_NUMBER(inventory.nodes[nodes[2]].same_as, nodes[2]);
    CHECK_NUMBER(inventory.nodes[nodes[3]].same_as, nodes[0]);
}

static void nothing_but_hard_links_is_not_read(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t first = add(&inventory, 20, 7), second = add(&inventory, 20, 7);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    CHECK(!duplicates_want(&duplicates, first) && !duplicates_want(&duplicates, second));
    duplicates_narrow(&duplicates);
    duplicates_resolve(&duplicates, &inventory);
    CHECK_NUMBER(inventory.nodes[first].same_as, first);
    CHECK_NUMBER(inventory.nodes[second].same_as, first);
}

static void of_hard_links_one_is_read_for_all(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t other = add(&inventory, 20, 3), first = add(&inventory, 20, 7);
    uint32_t second = add(&inventory, 20, 7);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    CHECK(duplicates_want(&duplicates, other) && duplicates_want(&duplicates, first));
    CHECK(!duplicates_want(&duplicates, second));
    duplicates_tell_checksum(&duplicates, other, 4);
    duplicates_tell_checksum(&duplicates, first, 4);
    duplicates_narrow(&duplicates);
    duplicates_tell_hash(&duplicates, other, &one);
    duplicates_tell_hash(&duplicates, first, &one);
    duplicates_resolve(&duplicates, &inventory);
    CHECK_NUMBER(inventory.nodes[first].same_as, other);
    CHECK_NUMBER(inventory.nodes[second].same_as, other);
}

static void files_without_an_inode_are_different_files(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    uint32_t first = add(&inventory, 20, 0), second = add(&inventory, 20, 0);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    CHECK(duplicates_want(&duplicates, first) && duplicates_want(&duplicates, second));
}

static void no_files_have_no_duplicates(struct arena arena)
{
    struct inventory inventory = make_inventory(&arena);
    struct duplicates duplicates = duplicates_list(&inventory, &arena);
    duplicates_narrow(&duplicates);
    duplicates_resolve(&duplicates, &inventory);
    CHECK_NUMBER(duplicates.count, 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(only_files_of_one_size_are_looked_at), CASE(equal_files_are_stored_once),
        CASE(nothing_but_hard_links_is_not_read), CASE(of_hard_links_one_is_read_for_all),
        CASE(files_without_an_inode_are_different_files), CASE(no_files_have_no_duplicates));
}
