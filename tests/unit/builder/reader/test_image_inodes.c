#include "tests/check.h"

#include "builder/reader/image_inodes.h"

#include <string.h>

/* Inodes are put together by hand, as "The inode table" of the format has them. */
enum { ROOM = 512, BLOCK = 4096, DATA_END = 10000, NONE = -1 };

enum { TYPE_DIRECTORY = 1, TYPE_FILE, TYPE_LINK, TYPE_DEVICE, EXTENDED_BY = 7 };

struct table {
    unsigned char bytes[ROOM];
    size_t size;
};

static void put_32(struct table *table, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        table->bytes[table->size++] = (unsigned char)(number >> 8 * i);
}

static void put_16(struct table *table, uint16_t number)
{
    table->bytes[table->size++] = (unsigned char)number;
    table->bytes[table->size++] = (unsigned char)(number >> 8);
}

static void put_64(struct table *table, uint64_t number)
{
    put_32(table, (uint32_t)number);
    put_32(table, (uint32_t)(number >> 32));
}

static void put_text(struct table *table, const char *text)
{
    memcpy(table->bytes + table->size, text, strlen(text));
    table->size += strlen(text);
}

/* Number 7, mode 0444, owner 0, group 1, time 1. */
static void put_base(struct table *table, uint16_t type)
{
    put_16(table, type);
    put_16(table, 0444);
    put_16(table, 0);
    put_16(table, 1);
    put_32(table, 1);
    put_32(table, 7);
}

static void put_file(struct table *table, uint32_t start, uint32_t fragment, uint32_t offset,
                     uint32_t size)
{
    put_base(table, TYPE_FILE);
    put_32(table, start);
    put_32(table, fragment);
    put_32(table, offset);
    put_32(table, size);
}

static void put_directory(struct table *table, uint16_t size, uint16_t offset)
{
    put_base(table, TYPE_DIRECTORY);
    put_32(table, 0); /* block */
    put_32(table, 3); /* links */
    put_16(table, size);
    put_16(table, offset);
    put_32(table, 8); /* parent */
}

static void put_link(struct table *table, uint32_t length, const char *target)
{
    put_base(table, TYPE_LINK);
    put_32(table, 1);
    put_32(table, length);
    put_text(table, target);
}

/* Reads what the table has; one fragment, owners 10 and 20, 50 bytes of listings. */
static bool read_inodes(const struct table *table, uint32_t count, struct arena *arena,
                        struct image_tree *ret_tree)
{
    static uint64_t positions[2];
    static const unsigned char owners[8] = { 10, [4] = 20 };
    static const unsigned char listings[50];
    struct image_budget budget = image_budget_make(0);
    struct image_file file = {
        .budget = &budget,
        .super = { .inode_count = count,
                   .fragment_count = 1,
                   .block_bytes = BLOCK,
                   .inode_table = DATA_END },
    };
    struct image_table ids = { .bytes = owners, .size_bytes = sizeof owners };
    struct image_tree tree = {
        .inode_table = { .bytes = table->bytes,
                         .size_bytes = table->size,
                         .block_positions = positions,
                         .block_count = 1 },
        .directory_table = { .bytes = listings,
                             .size_bytes = sizeof listings,
                             .block_positions = positions,
                             .block_count = 1 },
    };
    positions[1] = 1000;
    bool done = image_inodes_read(&file, &ids, arena, &tree, check_error);
    *ret_tree = tree;
    return done;
}

static void check_damage(const struct table *table, const char *sentence, struct arena arena)
{
    struct image_tree tree;
    CHECK_REFUSED(read_inodes(table, 1, &arena, &tree), sentence);
}

static void a_file_is_read(struct arena arena)
{
    struct table table = { .size = 0 };
    struct image_tree tree;
    put_file(&table, 96, 0, 5, 2 * BLOCK + 10);
    put_32(&table, 100);
    put_32(&table, 1 << 24 | BLOCK);
    if (!CHECK_DONE(read_inodes(&table, 1, &arena, &tree)))
        return;
    const struct image_inode *inode = tree.inodes;
    CHECK(inode->kind == IMAGE_REGULAR && inode->mode == 0444);
    CHECK_NUMBER(inode->number, 7);
    CHECK_NUMBER(inode->owner, 10);
    CHECK_NUMBER(inode->group, 20);
    CHECK_NUMBER(inode->size_bytes, 2 * BLOCK + 10);
    CHECK_NUMBER(inode->block_count, 2);
    CHECK(inode->sparse_bytes == IMAGE_SPARSE_UNSAID && inode->link_count == 1);
    struct image_block block = image_tree_block(inode, 1, 196);
    CHECK(block.is_stored && block.packed_bytes == BLOCK && block.start == 196);
    CHECK(!image_tree_block(inode, 0, 96).is_stored);
    struct image_file file = { .super = { .block_bytes = BLOCK } };
    CHECK_NUMBER(image_tree_tail_bytes(&file, inode), 10);
    CHECK_NUMBER(image_inodes_find(&tree, 0, 0), 0);
    CHECK(image_inodes_find(&tree, 0, 1) == SIZE_MAX);
}

static void an_extended_file_says_more(struct arena arena)
{
    struct table table = { .size = 0 };
    struct image_tree tree;
    put_base(&table, TYPE_FILE + EXTENDED_BY);
    put_64(&table, 96);
    put_64(&table, BLOCK + 1);
    put_64(&table, BLOCK);
    put_32(&table, 2);
    put_32(&table, (uint32_t)NONE);
    put_32(&table, 0);
    put_32(&table, 9);
    put_32(&table, 0); /* a hole */
    put_32(&table, 1 << 24 | 1);
    if (!CHECK_DONE(read_inodes(&table, 1, &arena, &tree)))
        return;
    CHECK_NUMBER(tree.inodes[0].sparse_bytes, BLOCK);
    CHECK_NUMBER(tree.inodes[0].hole_bytes, BLOCK);
    CHECK_NUMBER(tree.inodes[0].link_count, 2);
    CHECK_NUMBER(tree.inodes[0].attributes, 9);
    CHECK_NUMBER(tree.inodes[0].block_count, 2);
    struct image_file file = { .super = { .block_bytes = BLOCK } };
    CHECK_NUMBER(image_tree_tail_bytes(&file, &tree.inodes[0]), 0);
}

static void blocks_that_cannot_be_are_refused(struct arena arena)
{
    static const struct {
        uint32_t start, word;
        const char *sentence;
    } rows[] = {
        { 96, BLOCK + 1, "damaged inode 7: a block of impossible length" },
        { 96, 1 << 25, "damaged inode 7: a block of impossible length" },
        { 96, 1 << 24, "damaged inode 7: a hole that is stored" },
        { 95, 10, "damaged inode 7: a block outside of the data" },
        { DATA_END - 9, 10, "damaged inode 7: a block outside of the data" },
        { DATA_END + 1, 10, "damaged inode 7: a block outside of the data" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct table table = { .size = 0 };
        put_file(&table, rows[i].start, (uint32_t)NONE, 0, BLOCK);
        put_32(&table, rows[i].word);
        check_about("row %zu", i);
        check_damage(&table, rows[i].sentence, arena);
    }
}

static void fragments_that_cannot_be_are_refused(struct arena arena)
{
    static const struct {
        uint32_t fragment, offset, size;
    } rows[] = { { 1, 0, 10 }, { 0, BLOCK - 9, 10 }, { 0, 0, 0 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct table table = { .size = 0 };
        put_file(&table, 96, rows[i].fragment, rows[i].offset, rows[i].size);
        check_damage(&table, "damaged inode 7: an impossible fragment", arena);
    }
    struct table fits = { .size = 0 };
    struct image_tree tree;
    put_file(&fits, 96, 0, BLOCK - 10, 10);
    CHECK_DONE(read_inodes(&fits, 1, &arena, &tree));
}

static void a_directory_and_its_index_are_read(struct arena arena)
{
    struct table table = { .size = 0 };
    struct image_tree tree;
    put_base(&table, TYPE_DIRECTORY + EXTENDED_BY);
    put_32(&table, 2);
    put_32(&table, 30 + 3);
    put_32(&table, 0);
    put_32(&table, 8);
    put_16(&table, 1); /* of the index */
    put_16(&table, 20);
    put_32(&table, (uint32_t)NONE);
    put_32(&table, 0);
    put_32(&table, 0);
    put_32(&table, 2); /* a name of 3 bytes */
    put_text(&table, "abc");
    if (!CHECK_DONE(read_inodes(&table, 1, &arena, &tree)))
        return;
    CHECK_NUMBER(tree.inodes[0].listing, 20);
    CHECK_NUMBER(tree.inodes[0].size_bytes, 30);
    CHECK_NUMBER(tree.inodes[0].index.len, IMAGE_INDEX_BYTES + 3);
    CHECK_NUMBER(tree.inodes[0].parent_number, 8);
    table.bytes[table.size - 7] = IMAGE_NAME_MAX & 0xff;
    table.bytes[table.size - 6] = IMAGE_NAME_MAX >> 8;
    check_damage(&table, "damaged inode 7: an impossible name in its index", arena);
    table.size -= 4;
    check_damage(&table, "damaged inode 7: it goes beyond the table's end", arena);
}

static void listings_that_cannot_be_are_refused(struct arena arena)
{
    static const struct {
        uint16_t size, offset;
        const char *sentence;
    } rows[] = {
        { 2, 0, "damaged inode 7: an impossible listing" },
        { 3, 51, "damaged inode 7: an impossible listing" },
        { 14, 40, "damaged inode 7: its listing goes beyond the table's end" },
        { 13, 40, NULL },
        { 3, 50, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct table table = { .size = 0 };
        struct image_tree tree;
        put_directory(&table, rows[i].size, rows[i].offset);
        check_about("row %zu", i);
        if (rows[i].sentence)
            check_damage(&table, rows[i].sentence, arena);
        else
            CHECK_DONE(read_inodes(&table, 1, &arena, &tree));
    }
}

static void targets_that_cannot_be_are_refused(struct arena arena)
{
    struct table good = { .size = 0 }, empty = good, cut = good, nul = good;
    struct image_tree tree;
    put_link(&good, 3, "a/b");
    CHECK_DONE(read_inodes(&good, 1, &arena, &tree));
    CHECK_STR(tree.inodes[0].target, "a/b");
    put_link(&empty, 0, "");
    check_damage(&empty, "damaged inode 7: an impossible link target", arena);
    put_link(&cut, 4, "a/b");
    check_damage(&cut, "damaged inode 7: it goes beyond the table's end", arena);
    put_link(&nul, 3, "a/b");
    nul.bytes[nul.size - 2] = '\0';
    check_damage(&nul, "damaged inode 7: an impossible link target", arena);
}

static void an_extended_link_says_more(struct arena arena)
{
    struct table table = { .size = 0 };
    struct image_tree tree;
    put_link(&table, 3, "a/b");
    table.bytes[0] += EXTENDED_BY;
    put_32(&table, 5);
    CHECK_DONE(read_inodes(&table, 1, &arena, &tree));
    CHECK_STR(tree.inodes[0].target, "a/b");
    CHECK_NUMBER(tree.inodes[0].attributes, 5);
}

static void other_kinds_and_owners_are_refused(struct arena arena)
{
    static const uint16_t types[] = { 0, TYPE_DEVICE, 5, 6, 7, 11, 14, 15, 0xffff };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct table table = { .size = 0 };
        put_base(&table, types[i]);
        put_64(&table, 0);
        check_damage(&table, "damaged inode 7: a store cannot hold a device, socket or pipe",
                     arena);
    }
    struct table table = { .size = 0 };
    put_link(&table, 1, "a");
    table.bytes[6] = 2;
    check_damage(&table, "damaged inode 7: its owner is not in the table of owners", arena);
}

/* Each inode is cut off behind each of its bytes; the last, behind one with a long target, too where it has no
 * more than what all have. */
static void what_ends_early_is_refused(struct arena arena)
{
    struct table tables[4] = { 0 };
    put_file(&tables[0], 96, (uint32_t)NONE, 0, BLOCK);
    put_32(&tables[0], 1);
    put_directory(&tables[1], 13, 40);
    put_link(&tables[2], 8, "12345678");
    tables[2].bytes[0] += EXTENDED_BY;
    put_32(&tables[2], 5);
    put_link(&tables[3], 30, "123456789012345678901234567890");
    put_link(&tables[3], 1, "1");
    for (size_t i = 0; i < 4; i++) {
        struct image_tree tree;
        uint32_t count = i == 3 ? 2 : 1;
        CHECK_DONE(read_inodes(&tables[i], count, &arena, &tree));
        size_t size = tables[i].size;
        for (tables[i].size = 0; tables[i].size < size; tables[i].size++) {
            check_about("%zu of %zu bytes", tables[i].size, size);
            CHECK(!read_inodes(&tables[i], count, &arena, &tree));
        }
    }
}

static void a_wrong_count_is_refused(struct arena arena)
{
    struct table table = { .size = 0 };
    struct image_tree tree;
    put_link(&table, 8, "12345678");
    put_link(&table, 8, "12345678");
    CHECK_DONE(read_inodes(&table, 2, &arena, &tree));
    CHECK_NUMBER(tree.inodes[1].position, 32);
    CHECK_REFUSED(read_inodes(&table, 1, &arena, &tree),
                  "damaged inode table: more than the 1 inodes of the super block");
    CHECK_REFUSED(read_inodes(&table, 3, &arena, &tree),
                  "damaged super block: 3 inodes are impossible");
    CHECK_REFUSED(read_inodes(&table, 0, &arena, &tree),
                  "damaged super block: 0 inodes are impossible");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_file_is_read), CASE(an_extended_file_says_more),
        CASE(blocks_that_cannot_be_are_refused), CASE(fragments_that_cannot_be_are_refused),
        CASE(a_directory_and_its_index_are_read), CASE(listings_that_cannot_be_are_refused),
        CASE(targets_that_cannot_be_are_refused), CASE(an_extended_link_says_more),
        CASE(other_kinds_and_owners_are_refused), CASE(what_ends_early_is_refused),
        CASE(a_wrong_count_is_refused));
}
