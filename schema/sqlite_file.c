#include "schema/sqlite_file.h"

#include "schema/base/file.h"

#include <assert.h>
#include <string.h>

enum {
    PAGE_BYTES = 4096,
    BUFFER_PAGES = 128,
    LOCK_PAGE = (1 << 30) / PAGE_BYTES + 1,
    CELL_BYTES_MAX = 4000, /* a leaf of a table takes 4061 without overflow */
    LEVELS_MAX = 12,       /* an inner page has two children at least, and pages 32-bit numbers */

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
    uint8_t bytes[CELL_BYTES_MAX];
    size_t length;
};

/* The page of a B-tree's level that is being filled. One cell that did not fit may wait: where it
 * goes depends on whether another follows. */
struct level {
    uint8_t page[PAGE_BYTES];
    size_t header_bytes, cell_count, content_start, last_length;
    struct cell pending;
    bool has_pending;
};

struct sqlite_file {
    struct pager pager;
    bool is_table;
    size_t height;
    int64_t last_rowid;              /* of a table */
    struct level levels[LEVELS_MAX]; /* from the leaves up */
    struct level first;              /* page 1 */
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

static void pager_flush(struct pager *pager)
{
    uint64_t offset = (uint64_t)(pager->next_page - 1 - pager->buffered) * PAGE_BYTES;
    if (!pager->failed && pager->buffered > 0)
        pager->failed = !file_write_at(pager->fd, "the database", pager->buffer,
                                       pager->buffered * PAGE_BYTES, offset, pager->error);
    pager->buffered = 0;
}

static void pager_push(struct pager *pager, const uint8_t *page)
{
    if (pager->buffered == BUFFER_PAGES)
        pager_flush(pager);
    memcpy(pager->buffer + pager->buffered++ * PAGE_BYTES, page, PAGE_BYTES);
    pager->next_page++;
}

/* Appends a page and returns its number. */
static uint32_t pager_add(struct pager *pager, const uint8_t *page)
{
    static const uint8_t unused[PAGE_BYTES];
    if (pager->next_page == LOCK_PAGE)
        pager_push(pager, unused);
    pager_push(pager, page);
    return pager->next_page - 1;
}

static void level_reset(struct level *level, size_t header_bytes)
{
    level->header_bytes = header_bytes;
    level->cell_count = 0;
    level->content_start = PAGE_BYTES;
}

/* Puts a cell behind the others, if there is room. */
static bool level_place(struct level *level, const struct cell *cell)
{
    size_t pointers_end = level->header_bytes + 2 * (level->cell_count + 1);
    if (level->content_start < pointers_end + cell->length)
        return false;
    level->content_start -= cell->length;
    level->last_length = cell->length;
    memcpy(level->page + level->content_start, cell->bytes, cell->length);
    put_16(level->page + level->header_bytes + 2 * level->cell_count++, level->content_start);
    return true;
}

/* Takes the last cell back off. */
static struct cell level_pop(struct level *level)
{
    struct cell cell = { .length = level->last_length };
    assert(level->cell_count >= 2);
    memcpy(cell.bytes, level->page + level->content_start, cell.length);
    level->content_start += cell.length;
    level->cell_count--;
    return cell;
}

/* Completes the page and appends it. `right` is an inner page's last child. */
static uint32_t level_emit(struct level *level, struct pager *pager, uint8_t type, uint32_t right)
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
    uint32_t number = pager_add(pager, page);
    level_reset(level, level->header_bytes);
    return number;
}

/* The page number at the start of an inner cell. */
static uint32_t child_of(const struct cell *cell)
{
    const uint8_t *at = cell->bytes;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static struct cell key_of(const struct cell *cell)
{
    struct cell key = { .length = cell->length - 4 };
    memcpy(key.bytes, cell->bytes + 4, key.length);
    return key;
}

/* Adds a child and the key behind it to an inner level. */
static void tree_promote(struct sqlite_file *file, size_t height, uint32_t child,
                         const struct cell *key)
{
    for (;;) {
        assert(height < LEVELS_MAX && key->length + 4 <= CELL_BYTES_MAX);
        struct level *level = &file->levels[height];
        struct cell cell = { .length = key->length + 4 };
        put_32(cell.bytes, child);
        memcpy(cell.bytes + 4, key->bytes, key->length);
        if (height == file->height) {
            file->height++;
            level->has_pending = false;
            level_reset(level, INNER_HEADER_BYTES);
        }
        if (!level->has_pending) {
            if (!level_place(level, &cell)) {
                level->pending = cell;
                level->has_pending = true;
            }
            return;
        }
        /* The cell that waited now ends its page: its child is the last, its key goes up. */
        struct cell waited = level->pending;
        struct cell up = key_of(&waited);
        uint32_t page = level_emit(level, &file->pager, file->is_table ? TABLE_INNER : INDEX_INNER,
                                   child_of(&waited));
        level->has_pending = false;
        bool placed = level_place(level, &cell);
        assert(placed);
        height++;
        child = page;
        struct cell *next = &level->pending; /* free now: holds the key on its way up */
        *next = up;
        key = next;
    }
}

static void tree_start(struct sqlite_file *file, bool is_table)
{
    file->is_table = is_table;
    file->height = 1;
    file->levels[0].has_pending = false;
    level_reset(&file->levels[0], LEAF_HEADER_BYTES);
}

/* Ends a leaf, with the key that separates it from the next. */
static void tree_end_leaf(struct sqlite_file *file, const struct cell *key)
{
    uint32_t page =
        level_emit(&file->levels[0], &file->pager, file->is_table ? TABLE_LEAF : INDEX_LEAF, 0);
    tree_promote(file, 1, page, key);
}

/* Adds an entry to an index, in order. */
static void index_add(struct sqlite_file *file, const struct cell *cell)
{
    struct level *leaf = &file->levels[0];
    if (leaf->has_pending) {
        leaf->has_pending = false;
        tree_end_leaf(file, &leaf->pending);
    }
    if (!level_place(leaf, cell)) {
        leaf->pending = *cell;
        leaf->has_pending = true;
    }
}

/* A cell that still waits gets a page of its own; so that the page before has an end, its last cell
 * goes up. */
uint32_t sqlite_file_end(struct sqlite_file *file)
{
    uint32_t right = 0;
    for (size_t height = 0; height < file->height; height++) {
        struct level *level = &file->levels[height];
        bool leaf = height == 0;
        uint8_t type =
            file->is_table ? (leaf ? TABLE_LEAF : TABLE_INNER) : (leaf ? INDEX_LEAF : INDEX_INNER);
        if (level->has_pending) {
            struct cell last = level_pop(level);
            struct cell key = leaf ? last : key_of(&last);
            uint32_t page = level_emit(level, &file->pager, type, leaf ? 0 : child_of(&last));
            level->has_pending = false;
            bool placed = level_place(level, &level->pending);
            assert(placed);
            tree_promote(file, height + 1, page, &key);
        }
        right = level_emit(level, &file->pager, type, right);
    }
    return right;
}

static size_t put_varint(uint8_t *at, uint64_t number)
{
    /* Rowids and lengths stay far below the 56 bits from which on the last byte has eight. */
    size_t length = 1;
    for (uint64_t rest = number >> 7; rest > 0; rest >>= 7)
        length++;
    for (size_t i = length; i-- > 0; number >>= 7)
        at[i] = (uint8_t)((number & 0x7f) | (i + 1 < length ? 0x80 : 0));
    return length;
}

/* The bytes that a number takes, 0 for those that the type alone says; and the type. */
static size_t number_type(int64_t number, uint8_t *ret_type)
{
    static const uint8_t widths[] = { 1, 2, 3, 4, 6, 8 };
    *ret_type = number ? 9 : 8;
    if (number == 0 || number == 1)
        return 0;
    for (size_t i = 0; i < sizeof widths; i++) {
        int shift = 8 * widths[i] - 1;
        *ret_type = (uint8_t)(i + 1);
        if (widths[i] == 8 || number >> shift == (number < 0 ? -1 : 0))
            return widths[i];
    }
    return 8;
}

/* A record: a header with the type of each value, then the values. */
static size_t put_record(uint8_t *at, const struct sqlite_value *values, size_t count)
{
    uint8_t body[CELL_BYTES_MAX];
    size_t header = 1, length = 0;
    assert(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct sqlite_value *value = &values[i];
        uint8_t type = 0;
        size_t width;
        switch (value->kind) {
        case SQLITE_VALUE_NULL:
            at[header++] = 0;
            break;
        case SQLITE_VALUE_NUMBER:
            width = number_type(value->number, &type);
            at[header++] = type;
            for (size_t byte = width; byte-- > 0;)
                body[length++] = (uint8_t)((uint64_t)value->number >> (8 * byte));
            break;
        case SQLITE_VALUE_TEXT:
            assert(length + value->text.len <= sizeof body);
            header += put_varint(at + header, 13 + 2 * value->text.len);
            memcpy(body + length, value->text.data, value->text.len);
            length += value->text.len;
            break;
        }
    }
    assert(header < 128 && header + length + 20 <= CELL_BYTES_MAX);
    at[0] = (uint8_t)header;
    memcpy(at + header, body, length);
    return header + length;
}

void sqlite_file_row(struct sqlite_file *file, int64_t rowid, const struct sqlite_value *values,
                     size_t count)
{
    uint8_t record[CELL_BYTES_MAX];
    struct cell cell;
    size_t length = put_record(record, values, count);
    cell.length = put_varint(cell.bytes, length);
    cell.length += put_varint(cell.bytes + cell.length, (uint64_t)rowid);
    memcpy(cell.bytes + cell.length, record, length);
    cell.length += length;
    if (!level_place(&file->levels[0], &cell)) {
        struct cell key;
        key.length = put_varint(key.bytes, (uint64_t)file->last_rowid);
        tree_end_leaf(file, &key);
        bool placed = level_place(&file->levels[0], &cell);
        assert(placed);
    }
    file->last_rowid = rowid;
}

void sqlite_file_entry(struct sqlite_file *file, const struct sqlite_value *values, size_t count)
{
    uint8_t record[CELL_BYTES_MAX];
    struct cell cell;
    size_t length = put_record(record, values, count);
    cell.length = put_varint(cell.bytes, length);
    memcpy(cell.bytes + cell.length, record, length);
    cell.length += length;
    index_add(file, &cell);
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
        .buffer = arena_new(arena, uint8_t, (size_t)BUFFER_PAGES * PAGE_BYTES),
        .error = error,
    };
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
    uint8_t record[CELL_BYTES_MAX];
    struct cell cell;
    size_t length = put_record(record, values, 5);
    cell.length = put_varint(cell.bytes, length);
    cell.length += put_varint(cell.bytes + cell.length, file->first.cell_count + 1);
    memcpy(cell.bytes + cell.length, record, length);
    cell.length += length;
    bool placed = level_place(&file->first, &cell);
    assert(placed);
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
    put_file_header(first->page, file->pager.next_page - 1);
    first->page[FILE_HEADER_BYTES] = TABLE_LEAF;
    put_16(first->page + FILE_HEADER_BYTES + 3, first->cell_count);
    put_16(first->page + FILE_HEADER_BYTES + 5, first->content_start);
    pager_flush(&file->pager);
    return !file->pager.failed && file_write_at(file->pager.fd, "the database", first->page,
                                                PAGE_BYTES, 0, file->pager.error);
}
