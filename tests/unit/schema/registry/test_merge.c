#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/nix/manifest.h"
#include "schema/registry/merge.h"

#define D          CHECK_DIGEST
#define P          "/nix/store/" D
#define OTHER_HASH "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969"

/* A manifest of one path that refers to the given ones. */
#define RECORD(name, hash, size, references) P "-" name "\n" hash "\n" size "\n\n" references

/* A merge of the list, as registry.c begins it. */
static struct merge merge_of(const struct store *store, const struct path_list *list,
                             struct arena *arena)
{
    return (struct merge){
        .store = store,
        .list = list,
        .left_out = arena_new(arena, bool, list->count),
        .arena = arena,
        .rows = { .store = store,
                  .list = list,
                  .ids = arena_new(arena, int64_t, list->names.count) },
        .is_new = arena_new(arena, bool, list->count),
    };
}

struct example {
    struct store store;
    struct store_db db;
    struct path_list list;
    struct merge merge;
};

static void release(struct example *example)
{
    store_db_close(&example->db);
    check_store_close(&example->store);
}

/* Opens the database, to which the SQL has been applied, and begins to merge the manifest. */
static bool begin(struct example *example, const char *sql, const char *manifest,
                  struct arena *arena)
{
    example->store = check_store(arena);
    example->db = STORE_DB_CLOSED;
    example->list = (struct path_list){ 0 };
    check_sql(sql, *arena);
    if (!CHECK_DONE(manifest_parse(str_from(manifest), STR("/nix/store"), arena, &example->list,
                                   check_error)) ||
        !CHECK_DONE(store_db_open_write(&example->store, *arena, &example->db, check_error)))
        return false;
    path_list_normalise(&example->list, *arena);
    example->merge = merge_of(&example->store, &example->list, arena);
    return true;
}

static void paths_without_a_row_are_new(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(7, "b"),
               RECORD("a", CHECK_HASH_HEX, "100", "1\n" P "-c\n")
                   RECORD("b", CHECK_HASH_HEX, "100", "0\n"),
               &arena))
        return;
    CHECK_DONE(merge_find_paths(&example.merge, &example.db, check_error));
    CHECK(example.merge.is_new[0] && !example.merge.is_new[1]);
    CHECK_NUMBER(example.merge.rows.ids[1], 7);
    CHECK_NUMBER(example.merge.rows.ids[2], 0); /* c, which is referred to */
    CHECK_NUMBER(example.merge.result.updated, 0);
}

static void what_is_left_out_is_not_asked_for(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(7, "a"), RECORD("a", OTHER_HASH, "100", "0\n"), &arena))
        return;
    example.merge.left_out[0] = true;
    CHECK_DONE(merge_find_paths(&example.merge, &example.db, check_error));
    CHECK_NUMBER(example.merge.rows.ids[0], 0);
    CHECK_NUMBER(example.merge.result.updated, 0);
}

#define SIGNED "update ValidPaths set ultimate = 1, sigs = 'k:1', ca = 'text:x';"
#define SAID   "select hash, narSize, ultimate, sigs, ca from ValidPaths"

/* Merges one path whose details are given, commits, and returns the row. */
static struct str row_after(const char *sql, const char *hash_and_size,
                            const struct path_info *details, size_t *ret_rehashed,
                            struct arena *arena)
{
    cleanup(release) struct example example;
    const char *manifest = arena_format(arena, P "-a\n%s\n\n0\n", hash_and_size).data;
    if (!begin(&example, sql, manifest, arena))
        return STR("");
    example.list.items[0].signatures = details->signatures;
    example.list.items[0].content_address = details->content_address;
    example.list.items[0].is_ultimate = details->is_ultimate;
    CHECK_DONE(merge_find_paths(&example.merge, &example.db, check_error));
    CHECK_DONE(store_db_commit(&example.db, check_error));
    *ret_rehashed = example.merge.result.rehashed_count;
    return check_rows(SAID, arena);
}

static void of_the_same_bytes_what_was_said_stays(struct arena arena)
{
    size_t rehashed;
    const struct path_info details = { .signatures = STR("k:2"), .content_address = STR("text:y") };
    CHECK_STR(
        row_after(CHECK_ADD(1, "a") SIGNED, CHECK_HASH_HEX "\n100", &details, &rehashed, &arena),
        "\nsha256:" CHECK_HASH_HEX "|100|1|k:1|text:x");
    CHECK_NUMBER(rehashed, 0);
}

static void of_the_same_bytes_what_is_missing_is_added(struct arena arena)
{
    size_t rehashed;
    const struct path_info details = { .signatures = STR("k:2"),
                                       .content_address = STR("text:y"),
                                       .is_ultimate = true };
    CHECK_STR(row_after(CHECK_ADD(1, "a") "update ValidPaths set sigs = ''", CHECK_HASH_HEX "\n100",
                        &details, &rehashed, &arena),
              "\nsha256:" CHECK_HASH_HEX "|100|1|k:2|text:y");
    CHECK_NUMBER(rehashed, 0);
}

static void of_other_bytes_nothing_stays(struct arena arena)
{
    size_t rehashed;
    const struct path_info details = { 0 };
    CHECK_STR(row_after(CHECK_ADD(1, "a") SIGNED, OTHER_HASH "\n120", &details, &rehashed, &arena),
              "\nsha256:" OTHER_HASH "|120|||");
    CHECK_NUMBER(rehashed, 1);
}

static void a_hash_that_cannot_be_read_is_replaced(struct arena arena)
{
    size_t rehashed;
    const struct path_info details = { 0 };
    CHECK_STR(row_after(CHECK_ADD(1, "a") "update ValidPaths set hash = 'md5:0'",
                        CHECK_HASH_HEX "\n0", &details, &rehashed, &arena),
              "\nsha256:" CHECK_HASH_HEX "||||");
    CHECK_NUMBER(rehashed, 1);
}

static void a_row_without_number_is_refused(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(0, "a"), RECORD("a", CHECK_HASH_HEX, "100", "0\n"), &arena))
        return;
    CHECK_REFUSED(merge_find_paths(&example.merge, &example.db, check_error),
                  "the database row of " D "-a has the number 0, which Nix never gives");
}

/* No trigger runs. If one ran, the count of changed rows would tell. */
static void a_row_that_does_not_change_is_refused(struct arena arena)
{
    int is_set = 0;
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(7, "a"), RECORD("a", OTHER_HASH, "100", "0\n"), &arena))
        return;
    CHECK_NUMBER(sqlite.db_config(example.db.sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, &is_set),
                 SQLITE_OK);
    CHECK_DONE(store_db_run(&example.db,
                            "create temp trigger T before update on main.ValidPaths "
                            "begin select raise(ignore); end",
                            check_error));
    CHECK_REFUSED(merge_find_paths(&example.merge, &example.db, check_error),
                  "the database row of " D "-a cannot be changed; nothing is changed");
}

static void numbers_are_above_all_that_were_used(struct arena arena)
{
    int64_t id = -1;
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(40, "a") "delete from ValidPaths;" CHECK_ADD(3, "b"), "",
               &arena))
        return;
    CHECK_DONE(merge_find_last_id(&example.db, &id, check_error));
    CHECK_NUMBER(id, 40);
    CHECK_DONE(store_db_run(&example.db, "update main.sqlite_sequence set seq = 'x'", check_error));
    CHECK_DONE(merge_find_last_id(&example.db, &id, check_error));
    CHECK_NUMBER(id, 3);
    CHECK_DONE(store_db_run(
        &example.db, "update main.sqlite_sequence set seq = 9223372036854775807", check_error));
    CHECK_REFUSED(merge_find_last_id(&example.db, &id, check_error),
                  "the database has no row numbers left");
    CHECK_NUMBER(id, 3);
}

/* The path is valid and has the references to 2 and 4; the list says 1 (itself), 2, 3 and 4. */
static void only_references_that_no_row_says_are_added(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example,
               CHECK_ADD(1, "a") CHECK_ADD(2, "b") CHECK_ADD(3, "c") CHECK_ADD(4, "d")
                   CHECK_ADD(5, "e") "insert into Refs values (1, 2), (1, 4), (1, 5)",
               RECORD("a", CHECK_HASH_HEX, "100", "4\n" P "-d\n" P "-a\n" P "-c\n" P "-b\n"),
               &arena))
        return;
    CHECK_DONE(merge_find_paths(&example.merge, &example.db, check_error));
    CHECK_DONE(merge_add_references(&example.merge, &example.db, check_error));
    CHECK_NUMBER(example.merge.result.references_added, 2);
    if (!CHECK_NUMBER(example.merge.rows.reference_count, 2))
        return;
    CHECK_NUMBER(example.merge.rows.references[0].reference, 1);
    CHECK_NUMBER(example.merge.rows.references[1].reference, 3);
}

/* New paths have numbers in the list's order, valid ones any: rows ascend all the same. */
static void references_ascend_whatever_numbers_there_are(struct arena arena)
{
    cleanup(release) struct example example;
    if (!begin(&example, CHECK_ADD(9, "a") CHECK_ADD(2, "b"),
               RECORD("a", CHECK_HASH_HEX, "100", "2\n" P "-a\n" P "-b\n")
                   RECORD("b", CHECK_HASH_HEX, "100", "2\n" P "-a\n" P "-b\n"),
               &arena))
        return;
    CHECK_DONE(merge_find_paths(&example.merge, &example.db, check_error));
    CHECK_NUMBER(merge_count_references(&example.merge), 4);
    CHECK_DONE(merge_add_references(&example.merge, &example.db, check_error));
    static const struct reference_row want[] = { { 2, 2 }, { 2, 9 }, { 9, 2 }, { 9, 9 } };
    for (size_t i = 0; i < 4; i++) {
        CHECK_NUMBER(example.merge.rows.references[i].referrer, want[i].referrer);
        CHECK_NUMBER(example.merge.rows.references[i].reference, want[i].reference);
    }
    example.merge.left_out[0] = true;
    CHECK_NUMBER(merge_count_references(&example.merge), 2);
}

int main(void)
{
    return CHECK_ALL(
        CASE(paths_without_a_row_are_new), CASE(what_is_left_out_is_not_asked_for),
        CASE(of_the_same_bytes_what_was_said_stays),
        CASE(of_the_same_bytes_what_is_missing_is_added), CASE(of_other_bytes_nothing_stays),
        CASE(a_hash_that_cannot_be_read_is_replaced), CASE(a_row_without_number_is_refused),
        CASE(a_row_that_does_not_change_is_refused), CASE(numbers_are_above_all_that_were_used),
        CASE(only_references_that_no_row_says_are_added),
        CASE(references_ascend_whatever_numbers_there_are));
}
