#include "schema/database/sqlite_tree.h"

#include "schema/base/file.h"

#include <assert.h>

enum {
    PAGE_BYTES = SQLITE_PAGE_BYTES,
    BUFFER_PAGES = 32,
    CELL_BYTES_MAX = 4000, /* a table's leaf holds 4061 without an overflow page */
    CELLS_MAX = 1024,      /* a cell has at least two bytes, and a pointer of two */
    LEVELS_MAX = 12,       /* store paths: 8 children or more per inner page; 8^11 > 2^32 */

    /* Types of pages. */
    INDEX_INNER = 2,
    TABLE_INNER = 5,
    INDEX_LEAF = 10,
    TABLE_LEAF = 13,

    LEAF_HEADER_BYTES = 8,
    INNER_HEADER_BYTES = 12,
};

/* Buffers finished pages and writes several at once. */
struct pager {
    int fd; /* -1 if pages are only counted */
    uint32_t next_page;
    uint8_t *buffer; /* the pages before next_page that are not written yet */
    size_t buffered;
    struct error error; /* the first failure */
    bool failed;
};

/* A key or a row, as in a page. It ends where `room` ends: cells are put from the end. */
struct cell {
    size_t length;
    uint8_t room[PAGE_BYTES];
};

/* The page of a B-tree's level that is being filled. A cell that did not fit is pending: where it
 * goes depends on whether another cell follows. */
struct level {
    uint8_t *page; /* of a leaf: in the pager's buffer; null before the first cell */
    size_t header_bytes, cell_count, content_start;
    size_t room;                  /* for cells and their pointers; 0 if a leaf has no page yet */
    uint16_t pointers[CELLS_MAX]; /* to the cells; big-endian */
    struct cell pending;
    bool has_pending;
};

struct sqlite_tree {
    struct pager pager;
    bool is_table;
    size_t height;
    int64_t last_rowid;                    /* of a table */
    struct level levels[LEVELS_MAX];       /* from the leaves up */
    uint8_t pages[LEVELS_MAX][PAGE_BYTES]; /* of the inner levels; the first is not used */
};

static uint8_t *cell_end(struct cell *cell)
{
    return cell->room + sizeof cell->room;
}

static const uint8_t *cell_start(const struct cell *cell)
{
    return cell->room + sizeof cell->room - cell->length;
}

static void copy_cell(struct cell *target, const uint8_t *bytes, size_t length)
{
    target->length = length;
    memcpy(cell_end(target) - length, bytes, length);
}

static void pager_flush(struct pager *pager)
{
    uint64_t offset = (uint64_t)(pager->next_page - 1 - pager->buffered) * PAGE_BYTES;
    if (!pager->failed && pager->buffered > 0)
        pager->failed = !file_write_at((struct file){ pager->fd, "the database" }, pager->buffer,
                                       pager->buffered * PAGE_BYTES, offset, &pager->error);
    pager->buffered = 0;
}

/* Returns the buffer for the next page. */
static uint8_t *pager_room(struct pager *pager)
{
    if (pager->buffered == BUFFER_PAGES)
        pager_flush(pager);
    return pager->buffer + pager->buffered * PAGE_BYTES;
}

/* Appends the page that is in that buffer, and returns its number. */
static uint32_t pager_append(struct pager *pager)
{
    pager->buffered += pager->fd >= 0;
    return pager->next_page++;
}

/* Same as pager_room, but skips the lock page, which is never used. */
static uint8_t *pager_next(struct pager *pager)
{
    if (pager->next_page == SQLITE_LOCK_PAGE) {
        memset(pager_room(pager), 0, PAGE_BYTES);
        pager_append(pager);
    }
    return pager_room(pager);
}

static void level_reset(struct level *level, uint8_t *page, size_t header_bytes)
{
    level->page = page;
    level->header_bytes = header_bytes;
    level->cell_count = 0;
    level->content_start = PAGE_BYTES;
    level->room = page ? PAGE_BYTES - header_bytes : 0;
}

/* Reserves room for a cell before the others. Returns its end, or null if the page is full. */
static uint8_t *level_room(struct level *level, size_t length)
{
    size_t content_end = level->content_start;
    if (level->room < length + 2)
        return NULL;
    level->room -= length + 2;
    level->content_start = content_end - length;
    level->pointers[level->cell_count++] = htobe16((uint16_t)level->content_start);
    return level->page + content_end;
}

/* Removes the last cell from the page. */
static void level_pop(struct level *level, struct cell *ret_cell)
{
    assert(level->cell_count >= 2);
    size_t end = be16toh(level->pointers[level->cell_count-- - 2]);
    size_t length = end - level->content_start;
    copy_cell(ret_cell, level->page + level->content_start, length);
    level->content_start = end;
    level->room += length + 2;
}

/* Completes a page. `right` is an inner page's last child. */
static void level_complete(struct level *level, uint8_t type, uint32_t right)
{
    uint8_t *page = level->page;
    size_t pointer_bytes = 2 * level->cell_count;
    size_t pointers_end = level->header_bytes + pointer_bytes;
    page[0] = type;
    sqlite_put_16(page + 1, 0); /* no free blocks */
    sqlite_put_16(page + 3, level->cell_count);
    sqlite_put_16(page + 5, level->content_start);
    page[7] = 0; /* no fragments */
    if (level->header_bytes == INNER_HEADER_BYTES)
        sqlite_put_32(page + 8, right);
    memcpy(page + level->header_bytes, level->pointers, pointer_bytes);
    memset(page + pointers_end, 0, level->content_start - pointers_end);
}

/* Completes and appends the leaf. Only the leaf of an empty tree has no page yet. */
static uint32_t leaf_emit(struct sqlite_tree *tree)
{
    struct level *leaf = &tree->levels[0];
    if (!leaf->page)
        level_reset(leaf, pager_next(&tree->pager), LEAF_HEADER_BYTES);
    level_complete(leaf, tree->is_table ? TABLE_LEAF : INDEX_LEAF, 0);
    level_reset(leaf, NULL, LEAF_HEADER_BYTES);
    return pager_append(&tree->pager);
}

/* Completes and appends an inner page. No leaf has a page now, so the pager's buffer is free. */
static uint32_t inner_emit(struct sqlite_tree *tree, struct level *level, uint32_t right)
{
    level_complete(level, tree->is_table ? TABLE_INNER : INDEX_INNER, right);
    level_reset(level, level->page, INNER_HEADER_BYTES);
    memcpy(pager_next(&tree->pager), level->page, PAGE_BYTES);
    return pager_append(&tree->pager);
}

/* The page number at the start of an inner cell. */
static uint32_t child_of(const struct cell *cell)
{
    const uint8_t *at = cell_start(cell);
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_inner(uint8_t *end, uint32_t child, const struct cell *key)
{
    uint8_t *start = end - key->length;
    memcpy(start, cell_start(key), key->length);
    sqlite_put_32(start - 4, child);
}

/* Adds a child and the key after it to an inner level. */
static void tree_promote(struct sqlite_tree *tree, size_t height, uint32_t child,
                         const struct cell *key)
{
    for (struct cell up;; height++) {
        assert(height < LEVELS_MAX && key->length + 4 <= CELL_BYTES_MAX);
        struct level *level = &tree->levels[height];
        if (height == tree->height) {
            tree->height++;
            level->has_pending = false;
            level_reset(level, tree->pages[height], INNER_HEADER_BYTES);
        }
        if (!level->has_pending) {
            uint8_t *end = level_room(level, key->length + 4);
            if (!end) {
                end = cell_end(&level->pending);
                level->pending.length = key->length + 4;
                level->has_pending = true;
            }
            put_inner(end, child, key);
            return;
        }
        /* The pending cell ends its page. Its child is the page's last child; its key goes up. */
        uint32_t page = inner_emit(tree, level, child_of(&level->pending));
        put_inner(level_room(level, key->length + 4), child, key);
        copy_cell(&up, cell_start(&level->pending) + 4, level->pending.length - 4);
        level->has_pending = false;
        child = page;
        key = &up;
    }
}

/* Begins a leaf and reserves room for its first cell. Returns the end of that room. */
static uint8_t *new_leaf_room(struct sqlite_tree *tree, size_t length)
{
    struct level *leaf = &tree->levels[0];
    level_reset(leaf, pager_next(&tree->pager), LEAF_HEADER_BYTES);
    return level_room(leaf, length);
}

/* Reserves room for a cell if the leaf is full or has no page yet. A full leaf of a table ends. In
 * an index, the new entry becomes pending. If another entry is pending already, the leaf ends, and
 * the pending entry goes up. */
static __attribute__((noinline)) uint8_t *next_leaf_room(struct sqlite_tree *tree, size_t length)
{
    struct cell key;
    struct level *leaf = &tree->levels[0];
    if (!leaf->page)
        return new_leaf_room(tree, length);
    if (!tree->is_table && !leaf->has_pending) {
        leaf->has_pending = true;
        leaf->room = 0;
        leaf->pending.length = length;
        return cell_end(&leaf->pending);
    }
    if (tree->is_table) {
        uint8_t *end = cell_end(&key);
        key.length = (size_t)(end - sqlite_varint_put(end, (uint64_t)tree->last_rowid));
    }
    leaf->has_pending = false;
    tree_promote(tree, 1, leaf_emit(tree), tree->is_table ? &key : &leaf->pending);
    return new_leaf_room(tree, length);
}

/* Reserves room for a row or an entry whose record has that length. Returns the end of the room, or
 * null if pages are only counted. */
static uint8_t *record_room(struct sqlite_tree *tree, int64_t rowid, size_t record_length)
{
    size_t length = sqlite_varint_length(record_length) + record_length;
    if (tree->is_table)
        length += sqlite_varint_length((uint64_t)rowid);
    assert(length <= CELL_BYTES_MAX);
    uint8_t *end = level_room(&tree->levels[0], length);
    if (!end)
        end = next_leaf_room(tree, length);
    tree->last_rowid = rowid;
    return tree->pager.fd >= 0 ? end : NULL;
}

/* Puts the record's length and, in a table, the rowid before the record. */
static void put_prefix(const struct sqlite_tree *tree, uint8_t *record, int64_t rowid,
                       size_t record_length)
{
    if (tree->is_table)
        record = sqlite_varint_put(record, (uint64_t)rowid);
    sqlite_varint_put(record, record_length);
}

void sqlite_tree_row(struct sqlite_tree *tree, int64_t rowid, const struct sqlite_value *values,
                     size_t count)
{
    struct sqlite_record record = sqlite_record_measure(values, count);
    uint8_t *end = record_room(tree, rowid, record.length);
    if (end)
        put_prefix(tree, sqlite_record_put(end, &record, values, count), rowid, record.length);
}

void sqlite_tree_entry(struct sqlite_tree *tree, const struct sqlite_value *values, size_t count)
{
    sqlite_tree_row(tree, 0, values, count);
}

void sqlite_tree_numbers(struct sqlite_tree *tree, int64_t rowid, const int64_t *numbers,
                         size_t count)
{
    assert(count > 0 && count < sizeof(uint64_t));
    uint64_t header = 1 + count;
    size_t length = 1 + count;
    for (size_t i = 0; i < count; i++) {
        uint8_t type = sqlite_number_type(numbers[i]);
        header = header << 8 | type;
        length += sqlite_number_width(type);
    }
    uint8_t *at = record_room(tree, rowid, length);
    if (!at)
        return;
    for (size_t i = count; i-- > 0;)
        at = sqlite_number_put(at, numbers[i],
                               sqlite_number_width(header >> 8 * (count - 1 - i) & 0xff));
    at = sqlite_number_put(at, (int64_t)header, 1 + count);
    put_prefix(tree, at, rowid, length);
}

struct sqlite_tree *sqlite_tree_new(struct arena *arena)
{
    struct sqlite_tree *tree = arena_room(arena, sizeof *tree);
    tree->pager.buffer = arena_room(arena, (size_t)BUFFER_PAGES * PAGE_BYTES);
    return tree;
}

void sqlite_tree_start(struct sqlite_tree *tree, bool is_table, int fd, uint32_t first_page)
{
    tree->pager.fd = fd;
    tree->pager.next_page = first_page;
    tree->pager.buffered = 0;
    tree->pager.failed = false;
    tree->is_table = is_table;
    tree->height = 1;
    tree->levels[0].has_pending = false;
    level_reset(&tree->levels[0], NULL, LEAF_HEADER_BYTES);
}

/* Ends a level whose last cell is still pending. The pending cell gets a page of its own. The page
 * before it needs a key in the level above, so its last cell goes up. */
static void end_pending(struct sqlite_tree *tree, size_t height)
{
    struct cell last;
    struct level *level = &tree->levels[height];
    size_t length = level->pending.length;
    level_pop(level, &last);
    uint32_t page = height == 0 ? leaf_emit(tree) : inner_emit(tree, level, child_of(&last));
    if (height > 0)
        last.length -= 4;
    tree_promote(tree, height + 1, page, &last);
    uint8_t *end = height == 0 ? new_leaf_room(tree, length) : level_room(level, length);
    memcpy(end - length, cell_start(&level->pending), length);
    level->has_pending = false;
}

bool sqlite_tree_end(struct sqlite_tree *tree, struct sqlite_tree_place *ret_place,
                     struct error *error)
{
    uint32_t right = 0;
    for (size_t height = 0; height < tree->height; height++) {
        if (tree->levels[height].has_pending)
            end_pending(tree, height);
        right = height == 0 ? leaf_emit(tree) : inner_emit(tree, &tree->levels[height], right);
    }
    pager_flush(&tree->pager);
    if (tree->pager.failed) {
        *error = tree->pager.error;
        return false;
    }
    *ret_place = (struct sqlite_tree_place){ right, tree->pager.next_page };
    return true;
}
