#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_sql.h"

#include <sqlite3.h>
#include <sys/stat.h>

struct store check_store(struct arena *arena)
{
    struct store store = { .root = -1 };
    CHECK_DONE(
        store_open(check_directory_path(), "/nix/store", "/state", arena, &store, check_error));
    return store;
}

void check_store_close(const struct store *store)
{
    own_close(&store->root);
}

void check_make_directory(const char *path)
{
    cleanup(own_close) int fd = root_make_directory(check_directory(), path);
    CHECK(fd >= 0);
}

void check_file(const char *path, struct str content)
{
    char parent[PATH_MAX];
    struct cut cut = str_cut_last(str_from(path), '/');
    snprintf(parent, sizeof parent, "%.*s", cut.found ? (int)cut.head.len : 0, path);
    if (cut.found)
        check_make_directory(parent);
    cleanup(own_close) int fd =
        openat(check_directory(), path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK_NUMBER(write(fd, content.data, content.len), content.len);
}

static sqlite3 *open_database(struct arena scratch)
{
    sqlite3 *database = NULL;
    const char *path = arena_format(&scratch, "%s/state/db/db.sqlite", check_directory_path()).data;
    CHECK_NUMBER(sqlite3_open(path, &database), SQLITE_OK);
    return database;
}

static void run(sqlite3 *database, const char *sql)
{
    if (!CHECK_NUMBER(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK))
        printf("# %s\n", sqlite3_errmsg(database));
}

void check_sql(const char *sql, struct arena scratch)
{
    bool is_there = faccessat(check_directory(), "state/db/db.sqlite", F_OK, 0) == 0;
    if (!is_there)
        check_file("state/db/schema", STR("10"));
    sqlite3 *database = open_database(scratch);
    if (!is_there) {
        run(database, "pragma journal_mode = wal");
        run(database, store_sql);
        run(database, store_index_sql);
    }
    run(database, sql);
    sqlite3_close(database);
}

struct str check_rows(const char *sql, struct arena *arena)
{
    struct str all = STR("");
    sqlite3_stmt *rows = NULL;
    sqlite3 *database = open_database(*arena);
    if (!CHECK_NUMBER(sqlite3_prepare_v2(database, sql, -1, &rows, NULL), SQLITE_OK))
        printf("# %s\n", sqlite3_errmsg(database));
    while (sqlite3_step(rows) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const char *text = (const char *)sqlite3_column_text(rows, i);
            all = arena_format(arena, "%.*s%s%s", STR_ARG(all), i ? "|" : "\n", text ? text : "");
        }
    sqlite3_finalize(rows);
    sqlite3_close(database);
    return all;
}
