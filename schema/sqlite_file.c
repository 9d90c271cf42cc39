#include "schema/sqlite_file.h"

#include "schema/base/file.h"

#include <assert.h>
#include <string.h>

enum {
    PAGE_BYTES = 4096,
    BUFFER_PAGES = 32,
    LOCK_PAGE = (1 << 30) / PAGE_BYTES + 1,
    CELL_BYTES_MAX = 4000, /* a leaf of a table takes 4061 without overflow */
    LEVELS_MAX = 12,       /* an inner page has two children at least, and pages 32-bit numbers */
    VALUES_MAX = 9,

    /* Types of pages. */
    INDEX_INNER = 2,
    TABLE_INNER = 5,
    INDEX_LEAF = 10,
    TABLE_LEAF = 13,

    LEAF_HEADER_BYTES = 8,
    INNER_HEADER_BYTES = 12,
    FILE_HEADER_BYTES = 100,
};

/* The file, written from page 2 on. The first failure is kept and told at the end. */
struct pager {
    int fd;
    uint32_t next_page;
    uint8_t *buffer; /* the pages before next_page that are not written yet */
    size_t buffered;
    struct error *error;
    bool failed;
};

/* A key or a row, as it stands in a page. */
struct cell {
    size_t length;
    uint8_t bytes[CELL_BYTES_MAX];
};

/* The page of a B-tree's level that is being filled. One cell that did not fit may wait: where it
 * goes depends on whether another follows. */
struct level {
    uint8_t *page; /* a leaf's is the pager's next one, from its first cell on */
    size_t header_bytes, cell_count, content_start, last_length;
    struct cell pending;
    bool has_pending;
};

struct sqlite_file {
    struct pager pager;
    bool is_table;
    size_t height;
    int64_t last_rowid;                    /* of a table */
    struct level levels[LEVELS_MAX];       /* from the leaves up */
    struct level first;                    /* page 1 */
    uint8_t pages[LEVELS_MAX][PAGE_BYTES]; /* of the inner levels; the first is page 1 */
};

static void put_16(uint8_t *at, size_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

static void put_32(uint8_t *at, uint32_t number)
{
    put_16(at, number >> 16);
    put_16(at + 2, number & 0xffff);
}

static void copy_cell(struct cell *target, const uint8_t *bytes, size_t length)
{
    target->length = length;
    memcpy(target->bytes, bytes, length);
}

static void pager_flush(struct pager *pager)
{
    uint64_t offset = (uint64_t)(pager->next_page - 1 - pager->buffered) * PAGE_BYTES;
    if (!pager->failed && pager->buffered > 0)
        pager->failed = !file_write_at(pager->fd, "the database", pager->buffer,
                                       pager->buffered * PAGE_BYTES, offset, pager->error);
    pager->buffered = 0;
}

/* Where the next page is to be made. */
static uint8_t *pager_room(struct pager *pager)
{
    if (pager->buffered == BUFFER_PAGES)
        pager_flush(pager);
    return pager->buffer + pager->buffered * PAGE_BYTES;
}

/* The same, beyond the page that is never used. */
static uint8_t *pager_next(struct pager *pager)
{
    if (pager->next_page == LOCK_PAGE) {
        memset(pager_room(pager), 0, PAGE_BYTES);
        pager->buffered++;
        pager->next_page++;
    }
    return pager_room(pager);
}

/* Takes the page that was made there as done and returns its number. */
static uint32_t pager_append(struct pager *pager)
{
    pager->buffered++;
    return pager->next_page++;
}

static void level_reset(struct level *level, size_t header_bytes)
{
    level->header_bytes = header_bytes;
    level->cell_count = 0;
    level->content_start = PAGE_BYTES;
}

/* Room for a cell behind the others, or null. */
static uint8_t *level_room(struct level *level, size_t length)
{
    size_t pointers_end = level->header_bytes + 2 * (level->cell_count + 1);
    if (level->content_start < pointers_end + length)
        return NULL;
    level->content_start -= length;
    level->last_length = length;
    put_16(level->page + level->header_bytes + 2 * level->cell_count++, level->content_start);
    return level->page + level->content_start;
}

/* Takes the last cell back off. */
static void level_pop(struct level *level, struct cell *ret_cell)
{
    assert(level->cell_count >= 2);
    copy_cell(ret_cell, level->page + level->content_start, level->last_length);
    level->content_start += level->last_length;
    level->cell_count--;
}

/* Completes a page. `right` is an inner page's last child. */
static void level_complete(struct level *level, uint8_t type, uint32_t right)
{
    uint8_t *page = level->page;
    size_t pointers_end = level->header_bytes + 2 * level->cell_count;
    page[0] = type;
    put_16(page + 1, 0); /* no free blocks */
    put_16(page + 3, level->cell_count);
    put_16(page + 5, level->content_start);
    page[7] = 0; /* no fragments */
    if (level->header_bytes == INNER_HEADER_BYTES)
        put_32(page + 8, right);
    memset(page + pointers_end, 0, level->content_start - pointers_end);
}

/* Completes a leaf and appends it. */
static uint32_t leaf_emit(struct sqlite_file *file)
{
    struct level *leaf = &file->levels[0];
    if (leaf->cell_count == 0)
        leaf->page = pager_next(&file->pager);
    level_complete(leaf, file->is_table ? TABLE_LEAF : INDEX_LEAF, 0);
    level_reset(leaf, LEAF_HEADER_BYTES);
    return pager_append(&file->pager);
}

/* The same for an inner page; the leaf has no cell yet. */
static uint32_t inner_emit(struct sqlite_file *file, struct level *level, uint32_t right)
{
    level_complete(level, file->is_table ? TABLE_INNER : INDEX_INNER, right);
    level_reset(level, INNER_HEADER_BYTES);
    memcpy(pager_next(&file->pager), level->page, PAGE_BYTES);
    return pager_append(&file->pager);
}

/* The page number at the start of an inner cell. */
static uint32_t child_of(const struct cell *cell)
{
    const uint8_t *at = cell->bytes;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Takes the page number off. */
static void make_key(struct cell *cell)
{
    cell->length -= 4;
    memmove(cell->bytes, cell->bytes + 4, cell->length);
}

static void put_inner(uint8_t *at, uint32_t child, const struct cell *key)
{
    put_32(at, child);
    memcpy(at + 4, key->bytes, key->length);
}

/* Adds a child and the key behind it to an inner level. */
static void tree_promote(struct sqlite_file *file, size_t height, uint32_t child,
                         const struct cell *key)
{
    for (struct cell up;; height++) {
        assert(height < LEVELS_MAX && key->length + 4 <= CELL_BYTES_MAX);
        struct level *level = &file->levels[height];
        if (height == file->height) {
            file->height++;
            level->has_pending = false;
            level->page = file->pages[height];
            level_reset(level, INNER_HEADER_BYTES);
        }
        if (!level->has_pending) {
            uint8_t *room = level_room(level, key->length + 4);
            if (!room) {
                room = level->pending.bytes;
                level->pending.length = key->length + 4;
                level->has_pending = true;
            }
            put_inner(room, child, key);
            return;
        }
        /* The cell that waited now ends its page: its child is the last, its key goes up. */
        uint32_t page = inner_emit(file, level, child_of(&level->pending));
        put_inner(level_room(level, key->length + 4), child, key);
        make_key(&level->pending);
        copy_cell(&up, level->pending.bytes, level->pending.length);
        level->has_pending = false;
        child = page;
        key = &up;
    }
}

static void tree_start(struct sqlite_file *file, bool is_table)
{
    file->is_table = is_table;
    file->height = 1;
    file->levels[0].has_pending = false;
    level_reset(&file->levels[0], LEAF_HEADER_BYTES);
}

/* Room for a cell in the leaf that is being filled, or null. */
static uint8_t *leaf_room(struct sqlite_file *file, size_t length)
{
    struct level *leaf = &file->levels[0];
    if (leaf->cell_count == 0)
        leaf->page = pager_next(&file->pager);
    return level_room(leaf, length);
}

/* A cell that still waits gets a page of its own; so that the page before has an end, its last cell
 * goes up. */
uint32_t sqlite_file_end(struct sqlite_file *file)
{
    uint32_t right = 0;
    for (size_t height = 0; height < file->height; height++) {
        struct level *level = &file->levels[height];
        if (level->has_pending) {
            struct cell last;
            level_pop(level, &last);
            uint32_t page =
                height == 0 ? leaf_emit(file) : inner_emit(file, level, child_of(&last));
            if (height > 0)
                make_key(&last);
            tree_promote(file, height + 1, page, &last);
            size_t length = level->pending.length;
            memcpy(height == 0 ? leaf_room(file, length) : level_room(level, length),
                   level->pending.bytes, length);
            level->has_pending = false;
        }
        right = height == 0 ? leaf_emit(file) : inner_emit(file, level, right);
    }
    return right;
}

/* Rowids and lengths stay far below the 56 bits from which on the last byte has eight. */
static size_t varint_length(uint64_t number)
{
    size_t length = 1;
    while (number >>= 7)
        length++;
    return length;
}

static uint8_t *put_varint(uint8_t *at, uint64_t number)
{
    if (number < 0x80) {
        *at = (uint8_t)number;
        return at + 1;
    }
    size_t length = varint_length(number);
    for (size_t i = length; i-- > 0; number >>= 7)
        at[i] = (uint8_t)((number & 0x7f) | (i + 1 < length ? 0x80 : 0));
    return at + length;
}

/* How a record says a number: 0 and 1 by the type alone, others in the fewest bytes that hold
 * them. */
static unsigned number_type(int64_t number)
{
    static const uint8_t types[] = { 1, 1, 2, 3, 4, 5, 5, 6, 6 };
    uint64_t magnitude = (uint64_t)(number < 0 ? ~number : number);
    if (number == 0 || number == 1)
        return 8 + (unsigned)number;
    size_t bits = magnitude ? 64 - (size_t)__builtin_clzll(magnitude) + 1 : 1;
    return types[(bits + 7) / 8];
}

/* The bytes of a number's body, by its type. */
static const uint8_t number_widths[] = { 0, 1, 2, 3, 4, 6, 8, 0, 0, 0 };

static uint8_t *put_number(uint8_t *at, int64_t number, unsigned type)
{
    for (size_t byte = number_widths[type]; byte-- > 0;)
        *at++ = (uint8_t)((uint64_t)number >> (8 * byte));
    return at;
}

/* Room for a row or an entry, whose record has that length; what stands before the record is put
 * there, and where the record begins is returned. */
static uint8_t *record_room(struct sqlite_file *file, int64_t rowid, size_t record_length)
{
    size_t length = varint_length(record_length) + record_length;
    struct level *leaf = &file->levels[0];
    if (file->is_table)
        length += varint_length((uint64_t)rowid);
    assert(length <= CELL_BYTES_MAX);
    if (leaf->has_pending) {
        leaf->has_pending = false;
        tree_promote(file, 1, leaf_emit(file), &leaf->pending);
    }
    uint8_t *at = leaf_room(file, length);
    if (!at && file->is_table) {
        struct cell key;
        key.length = (size_t)(put_varint(key.bytes, (uint64_t)file->last_rowid) - key.bytes);
        tree_promote(file, 1, leaf_emit(file), &key);
        at = leaf_room(file, length);
    } else if (!at) {
        leaf->pending.length = length;
        leaf->has_pending = true;
        at = leaf->pending.bytes;
    }
    file->last_rowid = rowid;
    at = put_varint(at, record_length);
    return file->is_table ? put_varint(at, (uint64_t)rowid) : at;
}

/* What a record's values take: a header with the type of each, then the values. */
struct shape {
    size_t header_bytes, body_bytes;
    uint64_t types[VALUES_MAX];
};

static struct shape measure(const struct sqlite_value *values, size_t count)
{
    struct shape shape;
    shape.header_bytes = 1;
    shape.body_bytes = 0;
    assert(count > 0 && count <= VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct sqlite_value *value = &values[i];
        shape.types[i] = 0;
        if (value->kind == SQLITE_VALUE_NUMBER) {
            shape.types[i] = number_type(value->number);
            shape.body_bytes += number_widths[shape.types[i]];
        } else if (value->kind == SQLITE_VALUE_TEXT) {
            shape.types[i] = 13 + 2 * value->text.len;
            shape.body_bytes += value->text.len;
        }
        shape.header_bytes += varint_length(shape.types[i]);
    }
    assert(shape.header_bytes < 128);
    return shape;
}

static void put_record(uint8_t *at, const struct shape *shape, const struct sqlite_value *values,
                       size_t count)
{
    *at++ = (uint8_t)shape->header_bytes;
    for (size_t i = 0; i < count; i++)
        at = put_varint(at, shape->types[i]);
    for (size_t i = 0; i < count; i++) {
        const struct sqlite_value *value = &values[i];
        if (value->kind == SQLITE_VALUE_NUMBER) {
            at = put_number(at, value->number, (unsigned)shape->types[i]);
        } else if (value->kind == SQLITE_VALUE_TEXT) {
            memcpy(at, value->text.data, value->text.len);
            at += value->text.len;
        }
    }
}

void sqlite_file_row(struct sqlite_file *file, int64_t rowid, const struct sqlite_value *values,
                     size_t count)
{
    struct shape shape = measure(values, count);
    uint8_t *at = record_room(file, rowid, shape.header_bytes + shape.body_bytes);
    put_record(at, &shape, values, count);
}

void sqlite_file_entry(struct sqlite_file *file, const struct sqlite_value *values, size_t count)
{
    sqlite_file_row(file, 0, values, count);
}

void sqlite_file_numbers(struct sqlite_file *file, int64_t rowid, const int64_t *numbers,
                         size_t count)
{
    uint8_t types[VALUES_MAX];
    size_t length = 1 + count;
    assert(count > 0 && count <= VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        types[i] = (uint8_t)number_type(numbers[i]);
        length += number_widths[types[i]];
    }
    uint8_t *at = record_room(file, rowid, length);
    *at++ = (uint8_t)(1 + count);
    for (size_t i = 0; i < count; i++)
        *at++ = types[i];
    for (size_t i = 0; i < count; i++)
        at = put_number(at, numbers[i], types[i]);
}

struct sqlite_value sqlite_number(int64_t number)
{
    return (struct sqlite_value){ .kind = SQLITE_VALUE_NUMBER, .number = number };
}

struct sqlite_value sqlite_text(struct str text)
{
    return (struct sqlite_value){ .kind = SQLITE_VALUE_TEXT, .text = text };
}

struct sqlite_file *sqlite_file_start(int fd, struct arena *arena, struct error *error)
{
    struct sqlite_file *file = arena_new(arena, struct sqlite_file, 1);
    file->pager = (struct pager){
        .fd = fd,
        .next_page = 2,
        .buffer = arena_room(arena, (size_t)BUFFER_PAGES * PAGE_BYTES),
        .error = error,
    };
    file->first.page = file->pages[0];
    level_reset(&file->first, FILE_HEADER_BYTES + LEAF_HEADER_BYTES);
    return file;
}

void sqlite_file_table(struct sqlite_file *file)
{
    tree_start(file, true);
}

void sqlite_file_index(struct sqlite_file *file)
{
    tree_start(file, false);
}

void sqlite_file_schema(struct sqlite_file *file, struct str type, struct str name,
                        struct str table, uint32_t root, struct str sql)
{
    struct sqlite_value values[] = { sqlite_text(type), sqlite_text(name), sqlite_text(table),
                                     sqlite_number(root),
                                     sql.data ? sqlite_text(sql) : (struct sqlite_value){ 0 } };
    struct shape shape = measure(values, 5);
    size_t record_length = shape.header_bytes + shape.body_bytes;
    uint64_t rowid = file->first.cell_count + 1;
    uint8_t *at = level_room(&file->first,
                             varint_length(record_length) + varint_length(rowid) + record_length);
    assert(at);
    at = put_varint(put_varint(at, record_length), rowid);
    put_record(at, &shape, values, 5);
}

static void put_file_header(uint8_t *page, uint32_t page_count)
{
    memcpy(page, "SQLite format 3", 16);
    put_16(page + 16, PAGE_BYTES);
    page[18] = page[19] = 2; /* written and read through a WAL */
    page[21] = 64;           /* fixed fractions */
    page[22] = page[23] = 32;
    put_32(page + 24, 1); /* change counter */
    put_32(page + 28, page_count);
    put_32(page + 40, 1);       /* schema cookie */
    put_32(page + 44, 4);       /* schema format */
    put_32(page + 56, 1);       /* UTF-8 */
    put_32(page + 92, 1);       /* the change counter for which page_count is valid */
    put_32(page + 96, 3040001); /* the SQLite version that writes the same */
}

bool sqlite_file_finish(struct sqlite_file *file)
{
    struct level *first = &file->first;
    pager_flush(&file->pager);
    put_file_header(first->page, file->pager.next_page - 1);
    first->page[FILE_HEADER_BYTES] = TABLE_LEAF;
    put_16(first->page + FILE_HEADER_BYTES + 3, first->cell_count);
    put_16(first->page + FILE_HEADER_BYTES + 5, first->content_start);
    return !file->pager.failed && file_write_at(file->pager.fd, "the database", first->page,
                                                PAGE_BYTES, 0, file->pager.error);
}
