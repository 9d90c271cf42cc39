#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/database/store_read.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define D   "0123456789abcdfghijklmnpqrsvwxyz"
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* An open database with the rows that the case's SQL makes. */
struct place {
    struct store store;
    struct store_db db;
    struct store_reader reader;
};

static void close_place(struct place *place)
{
    store_reader_close(&place->reader);
    store_db_close(&place->db);
    own_close(&place->store.root);
}

/* Fills the place; it is not moved afterwards, as the reader borrows from it. */
static bool open_place(struct place *place, const char *sql, struct arena *arena)
{
    cleanup(store_db_close) struct store_db new = STORE_DB_CLOSED;
    *place = (struct place){ .store = { .root = -1 }, .db = STORE_DB_CLOSED };
    if (!CHECK_DONE(store_open(check_directory_path(), "/nix/store", "/state", arena, &place->store,
                               check_error)) ||
        !CHECK_DONE(store_db_open_write(&place->store, *arena, &new, check_error)) ||
        !CHECK_DONE(store_db_begin_new(&new, check_error)) ||
        !CHECK_DONE(store_db_run(&new, sql, check_error)) ||
        !CHECK_DONE(store_db_commit(&new, check_error)))
        return false;
    store_db_close(&new);
    return CHECK_NUMBER(store_db_open_read(&place->store, arena, &place->db, check_error),
                        STORE_DB_FOUND) &&
           CHECK_DONE(store_reader_open(&place->store, &place->db, &place->reader, check_error));
}

#define ROW(id, path, hash, size, deriver)                                                     \
    "insert into ValidPaths (id, path, hash, registrationTime, narSize, deriver) values (" #id \
    ", '" path "', '" hash "', 1, " #size ", " deriver ");"

static const char four_paths[] =
    ROW(4, "/nix/store/" D "-d", "sha256:" HEX, 9223372036854775807, "null")
        ROW(3, "/nix/store/" D "-c", "sha256:" HEX, null, "''")
            ROW(1, "/nix/store/" D "-b", "sha256:" HEX, 0, "'/nix/store/" D "-b.drv'")
                ROW(2, "/nix/store/" D "-a", "sha256:" HEX, 120,
                    "null") "insert into Refs values (1, 3), (1, 1), (1, 2), (4, 1);";

/* The references in any order. */
static void check_info(const struct path_info *info, const struct name_table *names,
                       const char *base, uint64_t size, const char *deriver, const char *references,
                       struct arena *arena)
{
    struct str joined = STR("");
    size_t count = info->reference_count;
    struct str *sorted = arena_new(arena, struct str, count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = names->names[info->references[i]];
    path_names_normalise(sorted, &count);
    for (size_t i = 0; i < count; i++)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined), STR_ARG(sorted[i]));
    CHECK_STR(info->base, base);
    CHECK_NUMBER(info->nar_hash.bytes[0], 0xe3);
    CHECK_NUMBER(info->nar_hash.bytes[31], 0x55);
    CHECK_NUMBER(info->nar_size_bytes, size);
    CHECK_STR(info->deriver, deriver);
    CHECK_STR(joined, references);
}

static void a_valid_path_is_read_with_its_references(struct arena arena)
{
    cleanup(close_place) struct place place;
    struct path_info info = { 0 };
    struct name_table names = { 0 };
    if (!open_place(&place, four_paths, &arena))
        return;
    CHECK_NUMBER(store_read_path(&place.reader, STR(D "-b"), &names, &arena, &info, check_error),
                 STORE_DB_FOUND);
    check_info(&info, &names, D "-b", 0, D "-b.drv", " " D "-a " D "-b " D "-c", &arena);
    CHECK_NUMBER(store_read_path(&place.reader, STR(D "-d"), &names, &arena, &info, check_error),
                 STORE_DB_FOUND);
    check_info(&info, &names, D "-d", INT64_MAX, "", " " D "-b", &arena);
    CHECK_NUMBER(store_read_path(&place.reader, STR(D "-c"), &names, &arena, &info, check_error),
                 STORE_DB_FOUND);
    check_info(&info, &names, D "-c", 0, "", "", &arena);
}

static void a_path_that_is_not_valid_is_absent(struct arena arena)
{
    static const char *const absent[] = { D "-", D "-e", D "-A", D "-aa", D "-%", D "-_" };
    cleanup(close_place) struct place place;
    struct path_info info = { .nar_size_bytes = 77 };
    struct name_table names = { 0 };
    if (!open_place(&place, four_paths, &arena))
        return;
    for (size_t i = 0; i < COUNT(absent); i++) {
        check_about("%s", absent[i]);
        CHECK_NUMBER(
            store_read_path(&place.reader, str_from(absent[i]), &names, &arena, &info, check_error),
            STORE_DB_ABSENT);
        CHECK_NUMBER(info.nar_size_bytes, 77);
    }
}

static void what_is_read_outlives_the_database(struct arena arena)
{
    struct place place;
    struct path_info info = { 0 };
    struct name_table names = { 0 };
    char base[] = D "-b";
    if (open_place(&place, four_paths, &arena))
        CHECK_NUMBER(
            store_read_path(&place.reader, str_from(base), &names, &arena, &info, check_error),
            STORE_DB_FOUND);
    close_place(&place);
    memset(base, 'x', sizeof base - 1);
    check_info(&info, &names, D "-b", 0, D "-b.drv", " " D "-a " D "-b " D "-c", &arena);
}

static void all_valid_paths_are_read_in_their_order(struct arena arena)
{
    cleanup(close_place) struct place place;
    struct path_list list = { 0 };
    struct odd_rows odd;
    if (!open_place(&place, four_paths, &arena))
        return;
    CHECK_DONE(store_read_all(&place.reader, &arena, &list, &odd, check_error));
    if (!CHECK_NUMBER(list.count, 4))
        return;
    check_info(&list.items[0], &list.names, D "-a", 120, "", "", &arena);
    check_info(&list.items[1], &list.names, D "-b", 0, D "-b.drv", " " D "-a " D "-b " D "-c",
               &arena);
    check_info(&list.items[2], &list.names, D "-c", 0, "", "", &arena);
    check_info(&list.items[3], &list.names, D "-d", INT64_MAX, "", " " D "-b", &arena);
}

static void an_empty_database_has_no_paths(struct arena arena)
{
    cleanup(close_place) struct place place;
    struct path_list list = { .count = 7 };
    struct odd_rows odd;
    if (!open_place(&place, "", &arena))
        return;
    CHECK_DONE(store_read_all(&place.reader, &arena, &list, &odd, check_error));
    CHECK_NUMBER(list.count, 0);
}

static void any_spelling_of_a_hash_is_read(struct arena arena)
{
    static const char rows[] =
        ROW(1, "/nix/store/" D "-a", "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            1, "null") ROW(2, "/nix/store/" D "-b",
                           "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 1, "null");
    cleanup(close_place) struct place place;
    struct path_list list = { 0 };
    struct odd_rows odd;
    if (!open_place(&place, rows, &arena))
        return;
    CHECK_DONE(store_read_all(&place.reader, &arena, &list, &odd, check_error));
    if (!CHECK_NUMBER(list.count, 2))
        return;
    check_info(&list.items[0], &list.names, D "-a", 1, "", "", &arena);
    check_info(&list.items[1], &list.names, D "-b", 1, "", "", &arena);
}

static void rows_that_nix_could_not_read_are_odd(struct arena arena)
{
    static const struct {
        const char *sql, *sentence;
    } rows[] = {
        { ROW(1, "/nix/store/" D "-a", "", 1, "null"),
          "the database row of " D "-a: '' is not a SHA-256 hash" },
        { ROW(1, "/nix/store/" D "-a", "md5:d41d8cd98f00b204e9800998ecf8427e", 1, "null"),
          "the database row of " D "-a: 'md5:d41d8cd98f00b204e9800998ecf8427e' is not a SHA-256 "
          "hash" },
        { ROW(1, "/nix/store/" D "-a", "sha256:" HEX, 1, "'" D "-a.drv'"),
          "the database row of " D "-a: '" D "-a.drv' is not an absolute path" },
        { ROW(1, "/nix/store/" D "-a", "sha256:" HEX, 1, "'/gnu/store/" D "-a.drv'"),
          "the database row of " D "-a: '/gnu/store/" D "-a.drv' is not a path in the store "
          "'/nix/store'" },
        { ROW(1, "/nix/store/" D "-a", "sha256:" HEX, 1, "null")
              ROW(2, "/nix/store/" D "-b c", "sha256:" HEX, 1,
                  "null") "insert into Refs values (1, 2);",
          "the database row of " D "-a: store path '" D "-b c' has an illegal byte in its name" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct place place;
        struct path_info info = { .nar_size_bytes = 77 };
        struct name_table names = { 0 };
        struct path_list list = { .count = 77 };
        struct odd_rows odd = { 0 };
        check_about("row %zu", i);
        if (open_place(&place, rows[i].sql, &arena)) {
            CHECK_REFUSED(store_read_path(&place.reader, STR(D "-a"), &names, &arena, &info,
                                          check_error) != STORE_DB_ODD,
                          rows[i].sentence);
            CHECK_DONE(store_read_all(&place.reader, &arena, &list, &odd, check_error));
            CHECK(info.nar_size_bytes == 77 && list.count == 0);
            if (CHECK(odd.count > 0))
                CHECK_STR(odd.items[0].reason, rows[i].sentence);
            CHECK(odd.base_count == 1 && str_equal(odd.bases[0], STR(D "-a")));
            CHECK_NUMBER(sqlite3_get_autocommit(place.db.sqlite), 0);
        }
        close_place(&place);
        CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
        CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0);
    }
}

static void a_path_with_an_illegal_name_is_odd_and_the_others_are_read(struct arena arena)
{
    static const char rows[] = ROW(1, "/nix/store/short", "sha256:" HEX, 1, "null")
        ROW(2, "/nix/store/" D "-a", "sha256:" HEX, 1, "null")
            ROW(3, "/gnu/store/" D "-a", "sha256:" HEX, 1, "null");
    cleanup(close_place) struct place place;
    struct path_list list = { .count = 77 };
    struct odd_rows odd;
    if (!open_place(&place, rows, &arena))
        return;
    CHECK_DONE(store_read_all(&place.reader, &arena, &list, &odd, check_error));
    CHECK_NUMBER(list.count, 1);
    if (!CHECK_NUMBER(odd.count, 2))
        return;
    CHECK_NUMBER(odd.unnamed, 2);
    CHECK_NUMBER(odd.base_count, 0);
    CHECK_STR(odd.items[0].row, "3");
    CHECK_STR(odd.items[1].row, "1");
    CHECK_STR(odd.items[1].reason, "'short' is too short to be a store path");
}

static void rows_that_belong_to_no_path_are_odd(struct arena arena)
{
    static const char rows[] =
        ROW(1, "/nix/store/" D "-a", "sha256:" HEX, 1,
            "null") "insert into Refs values (1, 1), (1, 9), (8, 1);"
                    "insert into DerivationOutputs values (1, 'out', 'x'), (7, 'dev', 'y');";
    cleanup(close_place) struct place place;
    struct odd_rows odd = { 0 };
    if (!open_place(&place, rows, &arena))
        return;
    CHECK_DONE(store_read_dangling(&place.db, &arena, &odd, check_error));
    if (!CHECK_NUMBER(odd.count, 3))
        return;
    CHECK_STR(odd.items[0].row, "8, 1");
    CHECK_STR(odd.items[1].row, "1, 9");
    CHECK_STR(odd.items[2].row, "7, dev");
    CHECK_STR(str_from(odd.items[2].table), "DerivationOutputs");
}

static void a_closed_reader_may_be_closed_again(void)
{
    struct store_reader reader = STORE_READER_CLOSED;
    store_reader_close(&reader);
    store_reader_close(&reader);
    CHECK(reader.path == NULL && reader.references == NULL);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_valid_path_is_read_with_its_references), CASE(a_path_that_is_not_valid_is_absent),
        CASE(what_is_read_outlives_the_database), CASE(all_valid_paths_are_read_in_their_order),
        CASE(an_empty_database_has_no_paths), CASE(any_spelling_of_a_hash_is_read),
        CASE(rows_that_nix_could_not_read_are_odd),
        CASE(a_path_with_an_illegal_name_is_odd_and_the_others_are_read),
        CASE(rows_that_belong_to_no_path_are_odd), CASE(a_closed_reader_may_be_closed_again));
}
