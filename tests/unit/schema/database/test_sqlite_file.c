#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/database/sqlite.h"
#include "schema/database/sqlite_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A database of 1 GiB and a little, so that a tree or a boundary of two comes to the page that is
 * never used. SQLite is asked whether it is one.
 *
 * large(text): as many rows as it takes, each of which fills a page.
 * small(number, text): five pages, four rows; and an index on the number.
 */
enum { ROW_BYTES = 3800, SMALL_ROWS = 4, SMALL_PAGES = 5 };

static const char row_text[ROW_BYTES] = { [0 ... ROW_BYTES - 1] = 'x' };

static struct sqlite_value row_value(void)
{
    return sqlite_text((struct str){ row_text, sizeof row_text }, (struct str){ 0 });
}

static void fill_large(const void *context, struct sqlite_tree *tree)
{
    struct sqlite_value value = row_value();
    for (int64_t rowid = 1; rowid <= *(const int64_t *)context; rowid++)
        sqlite_tree_row(tree, rowid, &value, 1);
}

static void fill_small(const void *context, struct sqlite_tree *tree)
{
    (void)context;
    for (int64_t rowid = 1; rowid <= SMALL_ROWS; rowid++)
        sqlite_tree_row(tree, rowid,
                        (struct sqlite_value[]){ sqlite_number(10 * rowid), row_value() }, 2);
}

static void fill_index(const void *context, struct sqlite_tree *tree)
{
    (void)context;
    for (int64_t rowid = 1; rowid <= SMALL_ROWS; rowid++)
        sqlite_tree_numbers(tree, 0, (int64_t[]){ 10 * rowid, rowid }, 2);
}

/* The first page behind a `large` of so many rows that begins at page 2. */
static uint32_t end_of_large(int64_t rows, struct arena scratch, uint32_t *ret_end)
{
    struct sqlite_tree_place place = { 0 };
    struct sqlite_tree *tree = sqlite_tree_new(&scratch);
    sqlite_tree_start(tree, true, -1, SQLITE_LOCK_PAGE + 1);
    fill_large(&rows, tree);
    CHECK_DONE(sqlite_tree_end(tree, &place, check_error));
    return *ret_end = place.next_page - (SQLITE_LOCK_PAGE + 1) + 2;
}

/* The fewest rows with which `large`, were no page left out, ends at the given page or behind it. */
static int64_t rows_until(uint32_t page, struct arena scratch, uint32_t *ret_end)
{
    int64_t low = 1, high = page;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (end_of_large(middle, scratch, ret_end) < page)
            low = middle + 1;
        else
            high = middle;
    }
    end_of_large(low, scratch, ret_end);
    return low;
}

static bool write_database(int fd, int64_t rows, unsigned jobs, struct arena scratch)
{
    uint32_t roots[3];
    struct sqlite_file *file = sqlite_file_start(fd, &scratch);
    struct sqlite_contents contents = {
        .trees = (const struct sqlite_content[]){ { true, fill_large, NULL },
                                                  { true, fill_small, NULL },
                                                  { false, fill_index, NULL } },
        .count = 3,
        .context = &rows,
    };
    if (!CHECK_DONE(sqlite_file_trees(file, &contents, jobs, roots, check_error)))
        return false;
    sqlite_file_schema(file, &(struct sqlite_object){ STR("table"), STR("large"), STR("large"),
                                                      roots[0], STR("CREATE TABLE large (text)") });
    sqlite_file_schema(file,
                       &(struct sqlite_object){ STR("table"), STR("small"), STR("small"), roots[1],
                                                STR("CREATE TABLE small (number, text)") });
    sqlite_file_schema(
        file, &(struct sqlite_object){ STR("index"), STR("of_number"), STR("small"), roots[2],
                                       STR("CREATE INDEX of_number on small (number)") });
    return CHECK_DONE(sqlite_file_finish(file, check_error));
}

static void check_answer(sqlite3 *database, const char *sql, struct str want)
{
    sqlite3_stmt *statement = NULL;
    CHECK_NUMBER(sqlite.prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    if (CHECK_NUMBER(sqlite.step(statement), SQLITE_ROW))
        CHECK_STR((char *)sqlite.column_text(statement, 0), want);
    sqlite.finalize(statement);
}

static void check_database(int directory, int64_t rows, struct arena scratch)
{
    sqlite3 *database = NULL;
    static const unsigned char zero[SQLITE_PAGE_BYTES];
    unsigned char unused[SQLITE_PAGE_BYTES];
    const char *path = arena_format(&scratch, "%s/db", check_directory_path()).data;
    cleanup(own_close) int fd = openat(directory, "db", O_RDONLY | O_CLOEXEC);
    CHECK_NUMBER(pread(fd, unused, sizeof unused, 1 << 30), sizeof unused);
    CHECK(memcmp(unused, zero, sizeof zero) == 0);
    if (!CHECK_DONE(sqlite_load(check_error)) ||
        !CHECK_NUMBER(sqlite.open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK))
        return;
    check_answer(database, "pragma integrity_check", STR("ok"));
    check_answer(database, "select count(*) || ' ' || max(rowid) from large",
                 arena_format(&scratch, "%lld %lld", (long long)rows, (long long)rows));
    check_answer(database,
                 "select group_concat(rowid || ' ' || number || ' ' || length(text)) from small "
                 "where number > 10 order by number",
                 STR("2 20 3800,3 30 3800,4 40 3800"));
    sqlite.close(database);
}

/* `large`, were no page left out, ends so many pages before the one at 1 GiB. */
static void check_at(int before, struct arena arena)
{
    for (unsigned jobs = 1; jobs <= 2; jobs++) {
        uint32_t end, page = (uint32_t)(SQLITE_LOCK_PAGE - before);
        int directory = check_directory();
        int64_t rows = rows_until(page, arena, &end);
        cleanup(own_close) int fd =
            openat(directory, "db", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check_about("%d pages before it, %u threads", before, jobs);
        if (CHECK(fd >= 0) && CHECK_NUMBER(end, page) && write_database(fd, rows, jobs, arena))
            check_database(directory, rows, arena);
    }
}

static void the_page_at_1_gib_is_left_out_within_the_first_tree(struct arena arena)
{
    check_at(-3, arena);
}

static void the_page_at_1_gib_is_left_out_before_a_tree(struct arena arena)
{
    check_at(0, arena);
}

static void the_page_at_1_gib_is_left_out_within_a_later_tree(struct arena arena)
{
    check_at(2, arena);
}

static void the_page_at_1_gib_is_left_out_before_the_last_tree(struct arena arena)
{
    check_at(SMALL_PAGES, arena);
}

int main(void)
{
    return CHECK_ALL(CASE(the_page_at_1_gib_is_left_out_within_the_first_tree),
                     CASE(the_page_at_1_gib_is_left_out_before_a_tree),
                     CASE(the_page_at_1_gib_is_left_out_within_a_later_tree),
                     CASE(the_page_at_1_gib_is_left_out_before_the_last_tree));
}
