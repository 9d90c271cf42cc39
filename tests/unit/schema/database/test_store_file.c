#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_file.h"
#include "schema/database/store_sql.h"
#include "schema/nix/manifest.h"

#include <fcntl.h>
#include <sqlite3.h>

#define D CHECK_DIGEST
#define P "/nix/store/" D
#define RECORD(name, deriver, count, refs) \
    P "-" name "\n" CHECK_HASH_HEX "\n100\n" deriver "\n" count "\n" refs

/* Rows for all paths of the manifest, numbered from 1. */
static struct store_rows rows_of(const struct store *store, struct str manifest,
                                 struct path_list *list, struct arena *arena)
{
    struct store_rows rows = { .store = store, .list = list, .time_seconds = 7 };
    CHECK_DONE(manifest_parse(manifest, STR("/nix/store"), arena, list, check_error));
    path_list_normalise(list, *arena);
    rows.ids = arena_new(arena, int64_t, list->names.count + 1);
    rows.new_paths = arena_new(arena, uint32_t, list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) {
        rows.new_paths[rows.new_count++] = i;
        rows.ids[i] = i + 1;
    }
    return rows;
}

static bool write_file(const struct store_rows *rows, const char *name, struct arena arena)
{
    cleanup(own_close) int fd =
        openat(check_directory(), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return CHECK(fd >= 0) && CHECK_DONE(store_file_write(rows, fd, arena, check_error));
}

/* All rows of a query, columns separated by '|', each behind a '\n'. */
static struct str ask(const char *name, const char *sql, struct arena *arena)
{
    struct str all = STR("");
    sqlite3 *database = NULL;
    sqlite3_stmt *rows = NULL;
    const char *path = arena_format(arena, "%s/%s", check_directory_path(), name).data;
    CHECK_NUMBER(sqlite3_open(path, &database), SQLITE_OK);
    if (!CHECK_NUMBER(sqlite3_prepare_v2(database, sql, -1, &rows, NULL), SQLITE_OK))
        printf("# %s\n", sqlite3_errmsg(database));
    while (sqlite3_step(rows) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const char *text = (const char *)sqlite3_column_text(rows, i);
            all =
                arena_format(arena, "%.*s%s%s", STR_ARG(all), i ? "|" : "\n", text ? text : "null");
        }
    sqlite3_finalize(rows);
    sqlite3_close(database);
    return all;
}

/* Made by SQLite from the same statements. */
static void make_with_sqlite(const char *name, struct arena arena)
{
    sqlite3 *database = NULL;
    const char *path = arena_format(&arena, "%s/%s", check_directory_path(), name).data;
    const char *texts[] = { store_sql, store_index_sql };
    CHECK_NUMBER(sqlite3_open(path, &database), SQLITE_OK);
    for (size_t i = 0; i < 2; i++)
        CHECK_NUMBER(sqlite3_exec(database, texts[i], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

#define INTEGRITY "pragma integrity_check"
#define SCHEMA    "select type, name, tbl_name, sql from sqlite_schema order by rowid"

static void the_schema_is_what_sqlite_makes(struct arena arena)
{
    struct path_list list = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows = rows_of(&store, STR(""), &list, &arena);
    if (!write_file(&rows, "ours", arena))
        return;
    make_with_sqlite("theirs", arena);
    CHECK_STR(ask("ours", SCHEMA, &arena), ask("theirs", SCHEMA, &arena));
    CHECK_STR(ask("ours", INTEGRITY, &arena), "\nok");
    CHECK_STR(ask("ours", "select * from SchemaMigrations", &arena), "\n" STORE_SQL_MIGRATION);
    CHECK_STR(ask("ours",
                  "select * from ValidPaths union all select 1, 2, 3, 4, 5, 6, 7, 8, 9 "
                  "from Refs union all select 1, 2, 3, 4, 5, 6, 7, 8, 9 from "
                  "DerivationOutputs union all select 1, 2, 3, 4, 5, 6, 7, 8, 9 from "
                  "sqlite_sequence",
                  &arena),
              "");
}

static void what_is_not_known_is_null(struct arena arena)
{
    struct path_list list = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows = rows_of(
        &store, STR(RECORD("a", "", "0", "") RECORD("b", P "-b.drv", "0", "")), &list, &arena);
    list.items[0].nar_size_bytes = 0;
    list.items[1].is_ultimate = true;
    list.items[1].signatures = STR("key:s1 key:s2");
    list.items[1].content_address = STR("fixed:r:sha256:x");
    if (!write_file(&rows, "db", arena))
        return;
    CHECK_STR(ask("db", "select * from ValidPaths", &arena),
              "\n1|" P "-a|sha256:" CHECK_HASH_HEX "|7|null|null|null|null|null"
              "\n2|" P "-b|sha256:" CHECK_HASH_HEX "|7|" P
              "-b.drv|100|1|key:s1 key:s2|fixed:r:sha256:x");
    CHECK_STR(ask("db", "select * from sqlite_sequence", &arena), "\nValidPaths|2");
    CHECK_STR(ask("db", INTEGRITY, &arena), "\nok");
}

static void references_and_outputs_are_rows_with_their_indexes(struct arena arena)
{
    struct path_list list = { 0 };
    struct output_row outputs[] = {
        { 2, STR("dev"), STR(P "-z") },
        { 2, STR("out"), STR(P "-a") },
        { 3, STR("out"), STR(P "-a") },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows =
        rows_of(&store,
                STR(RECORD("a", "", "1", P "-a\n") RECORD("b", "", "2", P "-a\n" P "-c\n")
                        RECORD("c", "", "1", P "-a\n")),
                &list, &arena);
    rows.outputs = outputs;
    rows.output_count = 3;
    if (!write_file(&rows, "db", arena))
        return;
    CHECK_STR(ask("db", "select * from Refs order by rowid", &arena), "\n1|1\n2|1\n2|3\n3|1");
    CHECK_STR(ask("db", "select referrer from Refs indexed by IndexReference where reference = 1",
                  &arena),
              "\n1\n2\n3");
    CHECK_STR(ask("db", "select * from DerivationOutputs order by rowid", &arena),
              "\n2|dev|" P "-z\n2|out|" P "-a\n3|out|" P "-a");
    CHECK_STR(ask("db",
                  "select drv from DerivationOutputs indexed by IndexDerivationOutputs where "
                  "path = '" P "-a'",
                  &arena),
              "\n2\n3");
    CHECK_STR(ask("db", INTEGRITY, &arena), "\nok");
}

/* As where a path of the manifest is not in the store. */
static void only_the_new_paths_are_written(struct arena arena)
{
    struct path_list list = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows = rows_of(&store,
                                     STR(RECORD("a", "", "0", "") RECORD("b", "", "0", "")
                                             RECORD("c", "", "2", P "-a\n" P "-c\n")),
                                     &list, &arena);
    rows.new_paths[1] = 2;
    rows.new_count = 2;
    rows.ids[1] = 0;
    rows.ids[2] = 2;
    if (!write_file(&rows, "db", arena))
        return;
    CHECK_STR(ask("db", "select id, path from ValidPaths", &arena), "\n1|" P "-a\n2|" P "-c");
    CHECK_STR(ask("db", "select * from Refs", &arena), "\n2|1\n2|2");
    CHECK_STR(ask("db", INTEGRITY, &arena), "\nok");
}

/* So many that several threads write. */
static void many_paths_are_as_sound_as_few(struct arena arena)
{
    enum { PATHS = 21000 };
    struct path_list list = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct str manifest = { arena_room(&arena, PATHS * 400), 0 };
    for (int i = 0; i < PATHS; i++)
        manifest.len +=
            (size_t)snprintf((char *)manifest.data + manifest.len, 400,
                             RECORD("%06d", "", "2", P "-%06d\n" P "-%06d\n"), i, i / 2, i);
    struct store_rows rows = rows_of(&store, manifest, &list, &arena);
    if (!write_file(&rows, "db", arena))
        return;
    CHECK_STR(ask("db", INTEGRITY, &arena), "\nok");
    CHECK_STR(ask("db", "select count(*), sum(id) from ValidPaths", &arena), "\n21000|220510500");
    CHECK_STR(ask("db", "select count(*) from Refs join ValidPaths on id = reference", &arena),
              "\n41999");
}

static void what_would_not_fit_a_page_is_told(struct arena arena)
{
    struct path_list list = { 0 };
    char *text = arena_alloc(&arena, 1, 2500);
    for (int i = 0; i < 2500; i++)
        text[i] = 'x';
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows = rows_of(&store, STR(RECORD("a", "", "0", "")), &list, &arena);
    list.items[0].signatures = (struct str){ text, 2000 };
    list.items[0].content_address = (struct str){ text, 400 };
    CHECK(store_file_fits(&rows));
    if (write_file(&rows, "db", arena))
        CHECK_STR(ask("db", INTEGRITY, &arena), "\nok");
    list.items[0].content_address.len = 401;
    CHECK(!store_file_fits(&rows));
    list.items[0].content_address.len = 0;
    store.store_dir = (struct str){ text, 256 };
    CHECK(store_file_fits(&rows));
    store.store_dir.len = 257;
    CHECK(!store_file_fits(&rows));
}

static void a_full_disk_is_told(struct arena arena)
{
    struct path_list list = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_rows rows = rows_of(&store, STR(RECORD("a", "", "0", "")), &list, &arena);
    cleanup(own_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_REFUSED(store_file_write(&rows, full, arena, check_error),
                  "write the database: No space left on device");
}

int main(void)
{
    return CHECK_ALL(CASE(the_schema_is_what_sqlite_makes), CASE(what_is_not_known_is_null),
                     CASE(references_and_outputs_are_rows_with_their_indexes),
                     CASE(only_the_new_paths_are_written), CASE(many_paths_are_as_sound_as_few),
                     CASE(what_would_not_fit_a_page_is_told), CASE(a_full_disk_is_told));
}
