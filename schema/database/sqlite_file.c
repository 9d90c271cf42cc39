#include "schema/database/sqlite_file.h"

#include "schema/base/file.h"
#include "schema/base/parallel.h"
#include "schema/base/turns.h"

#include <assert.h>

enum {
    FIRST_PAGE = 2, /* of the trees */
    FILE_HEADER_BYTES = 100,
    SCHEMA_HEADER_BYTES = FILE_HEADER_BYTES + 8,
    TABLE_LEAF = 13,
};

/* `page` is page 1: the file's header, then the leaf of the schema table. */
struct sqlite_file {
    int fd;
    struct arena *arena;
    uint32_t page_count;
    size_t schema_count, content_start;
    uint8_t page[SQLITE_PAGE_BYTES];
};

/* The trees while they are written. */
struct writing {
    int fd;
    const struct sqlite_contents *contents;
    struct sqlite_tree **writers; /* one for each thread */
    struct sqlite_tree_place places[SQLITE_TREES_MAX];
    uint32_t first_pages[SQLITE_TREES_MAX];
    struct turn turns[SQLITE_TREES_MAX];
};

struct sqlite_file *sqlite_file_start(int fd, struct arena *arena)
{
    struct sqlite_file *file = arena_new(arena, struct sqlite_file, 1);
    file->fd = fd;
    file->arena = arena;
    file->page_count = 1;
    file->content_start = SQLITE_PAGE_BYTES;
    return file;
}

static bool write_tree(struct writing *writing, unsigned worker, size_t index, struct error *error)
{
    const struct sqlite_content *content = &writing->contents->trees[index];
    struct sqlite_tree *tree = writing->writers[worker];
    sqlite_tree_start(tree, content->is_table, writing->fd, writing->first_pages[index]);
    content->fill(writing->contents->context, tree);
    return sqlite_tree_end(tree, &writing->places[index], error);
}

static bool write_task(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    struct writing *writing = context;
    return write_tree(writing, member->number, writing->turns[index].index, error);
}

/* Starts after the lock page, so that this page, which is never used, is not counted. */
static bool measure_task(void *context, const struct crew_member *member, size_t index,
                         struct error *error)
{
    struct writing *writing = context;
    const struct sqlite_content *content = &writing->contents->trees[index];
    struct sqlite_tree *tree = writing->writers[member->number];
    if (content->prepare)
        content->prepare(writing->contents->context);
    sqlite_tree_start(tree, content->is_table, -1, SQLITE_LOCK_PAGE + 1);
    content->fill(writing->contents->context, tree);
    return sqlite_tree_end(tree, &writing->places[index], error);
}

/* Computes where each tree begins. The last is not measured, because nothing follows it. It is
 * assumed to be the largest, so writing it starts first. */
static void place_trees(struct writing *writing)
{
    size_t last = writing->contents->count - 1;
    uint32_t next = FIRST_PAGE;
    for (size_t i = 0; i < last; i++) {
        uint32_t end = next + writing->places[i].next_page - (SQLITE_LOCK_PAGE + 1);
        writing->first_pages[i] = next;
        writing->turns[i] = (struct turn){ writing->places[i].next_page, (uint32_t)i };
        next = end + (next <= SQLITE_LOCK_PAGE && end > SQLITE_LOCK_PAGE);
    }
    writing->first_pages[last] = next;
    writing->turns[last] = (struct turn){ UINT64_MAX, (uint32_t)last };
    turns_sort(writing->turns, last + 1);
}

/* Each tree begins where the one before ends, so none is measured. */
static bool write_in_turn(struct writing *writing, struct error *error)
{
    const struct sqlite_contents *contents = writing->contents;
    for (size_t i = 0; i < contents->count; i++) {
        writing->first_pages[i] = i ? writing->places[i - 1].next_page : FIRST_PAGE;
        if (contents->trees[i].prepare)
            contents->trees[i].prepare(contents->context);
        if (!write_tree(writing, 0, i, error))
            return false;
    }
    return true;
}

static bool write_together(struct writing *writing, unsigned jobs, struct error *error)
{
    size_t last = writing->contents->count - 1;
    struct crew crew = { .jobs = jobs };
    if (!parallel_run(&crew, last, measure_task, writing, error))
        return false;
    place_trees(writing);
    if (!parallel_run(&crew, last + 1, write_task, writing, error))
        return false;
    for (size_t i = 0; i < last; i++)
        assert(writing->places[i].next_page == writing->first_pages[i + 1]);
    return true;
}

bool sqlite_file_trees(struct sqlite_file *file, const struct sqlite_contents *contents,
                       unsigned jobs, uint32_t *ret_roots, struct error *error)
{
    assert(contents->count <= SQLITE_TREES_MAX);
    struct arena scratch = *file->arena;
    struct writing writing = {
        .fd = file->fd,
        .contents = contents,
        .writers = arena_room(&scratch, jobs * sizeof *writing.writers),
    };
    assert(contents->count > 0 && !contents->trees[contents->count - 1].prepare);
    for (unsigned i = 0; i < jobs; i++)
        writing.writers[i] = sqlite_tree_new(&scratch);
    if (jobs == 1 ? !write_in_turn(&writing, error) : !write_together(&writing, jobs, error))
        return false;
    for (size_t i = 0; i < contents->count; i++)
        ret_roots[i] = writing.places[i].root;
    file->page_count = writing.places[contents->count - 1].next_page - 1;
    return true;
}

static struct sqlite_value text_of(struct str text)
{
    return sqlite_text(text, (struct str){ 0 });
}

void sqlite_file_schema(struct sqlite_file *file, const struct sqlite_object *object)
{
    struct sqlite_value values[] = {
        text_of(object->type),
        text_of(object->name),
        text_of(object->table),
        sqlite_number(object->root),
        object->sql.data ? text_of(object->sql) : (struct sqlite_value){ 0 },
    };
    struct sqlite_record record = sqlite_record_measure(values, 5);
    uint64_t rowid = ++file->schema_count;
    uint8_t *end = file->page + file->content_start;
    uint8_t *at = sqlite_record_put(end, &record, values, 5);
    at = sqlite_varint_put(sqlite_varint_put(at, rowid), record.length);
    file->content_start = (size_t)(at - file->page);
    sqlite_put_16(file->page + SCHEMA_HEADER_BYTES + 2 * (rowid - 1), file->content_start);
    assert(file->content_start >= SCHEMA_HEADER_BYTES + 2 * rowid + SQLITE_RECORD_SPILL);
}

static void put_file_header(uint8_t *page, uint32_t page_count)
{
    memcpy(page, "SQLite format 3", 16);
    sqlite_put_16(page + 16, SQLITE_PAGE_BYTES);
    page[18] = page[19] = 2; /* written and read through a WAL */
    page[21] = 64;           /* payload fractions, which are fixed */
    page[22] = page[23] = 32;
    sqlite_put_32(page + 24, 1); /* change counter */
    sqlite_put_32(page + 28, page_count);
    sqlite_put_32(page + 40, 1);       /* schema cookie */
    sqlite_put_32(page + 44, 4);       /* schema format */
    sqlite_put_32(page + 56, 1);       /* UTF-8 */
    sqlite_put_32(page + 92, 1);       /* the change counter for which page_count is valid */
    sqlite_put_32(page + 96, 3040001); /* the SQLite version that writes the same bytes */
}

/* Putting a record may spill bytes before it, so the gap before the cells is cleared. */
bool sqlite_file_finish(struct sqlite_file *file, struct error *error)
{
    uint8_t *page = file->page;
    size_t pointers_end = SCHEMA_HEADER_BYTES + 2 * file->schema_count;
    memset(page + pointers_end, 0, file->content_start - pointers_end);
    put_file_header(page, file->page_count);
    page[FILE_HEADER_BYTES] = TABLE_LEAF;
    sqlite_put_16(page + FILE_HEADER_BYTES + 3, file->schema_count);
    sqlite_put_16(page + FILE_HEADER_BYTES + 5, file->content_start);
    return file_write_at((struct file){ file->fd, "the database" }, page, SQLITE_PAGE_BYTES, 0,
                         error);
}
