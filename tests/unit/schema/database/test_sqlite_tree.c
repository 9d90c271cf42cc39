#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/database/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

/* Trees of every size around the bounds of pages and levels. SQLite reads them back.
 *
 * numbered(number, text): row r is (number_of(r), r % 300 + 1 times 'x'); and an index on the text and
 * the number.
 */
static const char filling[SQLITE_TREE_ROW_MAX] = { [0 ... SQLITE_TREE_ROW_MAX - 1] = 'x' };

static int64_t number_of(int64_t row)
{
    int64_t magnitude = (int64_t)((uint64_t)row * 0x9e3779b97f4a7c15 >> row % 60);
    return row % 2 ? magnitude : -magnitude;
}

static struct sqlite_value text_of(int64_t row)
{
    size_t length = (size_t)(row % 300 + 1), head = length / 3;
    return sqlite_text((struct str){ filling, head }, (struct str){ filling, length - head });
}

static void fill_table(const void *context, struct sqlite_tree *tree)
{
    for (int64_t row = 1; row <= *(const int64_t *)context; row++)
        sqlite_tree_row(tree, row,
                        (struct sqlite_value[]){ sqlite_number(number_of(row)), text_of(row) }, 2);
}

/* Texts ascend by their length, and rows of one length by their rowid. */
static void fill_index(const void *context, struct sqlite_tree *tree)
{
    int64_t rows = *(const int64_t *)context;
    for (int64_t length = 1; length <= 300; length++)
        for (int64_t row = length - 1 + (length == 1 ? 300 : 0); row <= rows; row += 300)
            sqlite_tree_entry(tree, (struct sqlite_value[]){ text_of(row), sqlite_number(row) }, 2);
}

static bool write_database(int fd, int64_t rows, struct arena scratch)
{
    uint32_t roots[2];
    struct sqlite_file *file = sqlite_file_start(fd, &scratch);
    struct sqlite_contents contents = {
        .trees = (const struct sqlite_content[]){ { true, fill_table, NULL },
                                                  { false, fill_index, NULL } },
        .count = 2,
        .context = &rows,
    };
    if (!CHECK_DONE(sqlite_file_trees(file, &contents, 1, roots, check_error)))
        return false;
    sqlite_file_schema(
        file, &(struct sqlite_object){ STR("table"), STR("numbered"), STR("numbered"), roots[0],
                                       STR("CREATE TABLE numbered (number, text)") });
    sqlite_file_schema(
        file, &(struct sqlite_object){ STR("index"), STR("of_text"), STR("numbered"), roots[1],
                                       STR("CREATE INDEX of_text on numbered (text)") });
    return CHECK_DONE(sqlite_file_finish(file, check_error));
}

static void check_rows(sqlite3 *database, int64_t rows)
{
    sqlite3_stmt *all = NULL;
    int64_t row = 0;
    CHECK_NUMBER(
        sqlite3_prepare_v2(database, "select rowid, number, text from numbered", -1, &all, NULL),
        SQLITE_OK);
    while (sqlite3_step(all) == SQLITE_ROW) {
        struct sqlite_value text = text_of(++row);
        if (!CHECK_NUMBER(sqlite3_column_int64(all, 0), row) ||
            !CHECK_NUMBER(sqlite3_column_int64(all, 1), number_of(row)) ||
            !CHECK_NUMBER(sqlite3_column_bytes(all, 2), text.head.len + text.tail.len) ||
            !CHECK(memcmp(sqlite3_column_text(all, 2), filling, text.head.len + text.tail.len) ==
                   0))
            break;
    }
    CHECK_NUMBER(row, rows);
    sqlite3_finalize(all);
}

static void check_integrity(sqlite3 *database)
{
    sqlite3_stmt *check = NULL;
    sqlite3_prepare_v2(database, "pragma integrity_check", -1, &check, NULL);
    if (CHECK_NUMBER(sqlite3_step(check), SQLITE_ROW))
        CHECK_STR((const char *)sqlite3_column_text(check, 0), "ok");
    sqlite3_finalize(check);
}

static void check_size(int64_t rows, struct arena arena)
{
    sqlite3 *database = NULL;
    const char *path = arena_format(&arena, "%s/db", check_directory_path()).data;
    cleanup(own_close) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check_about("%lld rows", (long long)rows);
    if (!CHECK(fd >= 0) || !write_database(fd, rows, arena))
        return;
    CHECK_NUMBER(sqlite3_open(path, &database), SQLITE_OK);
    check_integrity(database);
    check_rows(database, rows);
    sqlite3_close(database);
}

static void trees_of_a_page_are_read_back(struct arena arena)
{
    for (int64_t rows = 0; rows < 90; rows++)
        check_size(rows, arena);
}

static void trees_of_two_and_three_levels_are_read_back(struct arena arena)
{
    static const int64_t sizes[] = { 299, 300, 301, 1000, 4999, 5000, 40000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_size(sizes[i], arena);
}

static void a_measured_tree_ends_where_the_written_one_does(struct arena arena)
{
    cleanup(own_close) int fd =
        openat(check_directory(), "tree", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int64_t rows = 0; rows < 3000; rows = rows * 5 / 4 + 1) {
        struct sqlite_tree_place measured = { 0 }, written = { 0 };
        struct sqlite_tree *tree = sqlite_tree_new(&arena);
        check_about("%lld rows", (long long)rows);
        sqlite_tree_start(tree, true, -1, 7);
        fill_table(&rows, tree);
        CHECK_DONE(sqlite_tree_end(tree, &measured, check_error));
        sqlite_tree_start(tree, true, fd, 7);
        fill_table(&rows, tree);
        CHECK_DONE(sqlite_tree_end(tree, &written, check_error));
        CHECK_NUMBER(written.root, measured.root);
        CHECK_NUMBER(written.next_page, measured.next_page);
        CHECK(measured.root >= 7 && measured.root < measured.next_page);
    }
}

static void an_empty_tree_is_a_page_without_cells(struct arena arena)
{
    struct sqlite_tree_place place = { 0 };
    uint8_t page[SQLITE_PAGE_BYTES];
    struct sqlite_tree *tree = sqlite_tree_new(&arena);
    cleanup(own_close) int fd =
        openat(check_directory(), "tree", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    sqlite_tree_start(tree, true, fd, 2);
    CHECK_DONE(sqlite_tree_end(tree, &place, check_error));
    CHECK_NUMBER(place.root, 2);
    CHECK_NUMBER(place.next_page, 3);
    CHECK_NUMBER(pread(fd, page, sizeof page, SQLITE_PAGE_BYTES), SQLITE_PAGE_BYTES);
    CHECK_NUMBER(page[0], 13); /* a leaf of a table */
    CHECK_NUMBER(page[3] << 8 | page[4], 0);
}

static void a_failure_to_write_is_told_at_the_end(struct arena arena)
{
    struct sqlite_tree_place place = { .root = 99 };
    int64_t rows = 20000;
    struct sqlite_tree *tree = sqlite_tree_new(&arena);
    cleanup(own_close) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    sqlite_tree_start(tree, true, fd, 2);
    fill_table(&rows, tree);
    CHECK(!sqlite_tree_end(tree, &place, check_error));
    CHECK(str_ends(str_from(check_error->sentence), STR(": No space left on device")));
    CHECK_NUMBER(place.root, 99);
}

int main(void)
{
    return CHECK_ALL(
        CASE(trees_of_a_page_are_read_back), CASE(trees_of_two_and_three_levels_are_read_back),
        CASE(a_measured_tree_ends_where_the_written_one_does),
        CASE(an_empty_tree_is_a_page_without_cells), CASE(a_failure_to_write_is_told_at_the_end));
}
