#include "tests/check_store.h"

#include "regd/command.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_db.h"
#include "schema/database/store_sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store check_store(struct arena *arena)
{
    struct store store = { .root = -1 };
    CHECK_DONE(
        store_open(check_directory_path(), "/nix/store", "/state", arena, &store, check_error));
    return store;
}

struct path_list check_list(const char *const *bases, size_t count, struct arena *arena)
{
    struct path_list list = { 0 };
    for (size_t i = 0; i < count; i++)
        path_list_add(&list, arena)->name = name_table_add(&list.names, str_from(bases[i]), arena);
    for (size_t i = 0; i < count; i++)
        list.items[i].base = list.names.names[list.items[i].name];
    path_list_normalise(&list, *arena);
    return list;
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

struct str check_content(const char *path, struct arena *arena)
{
    struct str text = STR("(absent)");
    if (faccessat(check_directory(), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        CHECK_DONE(file_read(check_directory(), path, 16 << 20, arena, &text, check_error));
    return text;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

struct str check_names(const char *directory, struct arena *arena)
{
    struct dirent **names = NULL;
    struct str joined = STR("");
    const char *path = arena_format(arena, "%s/%s", check_directory_path(), directory).data;
    int count = scandir(path, &names, NULL, compare_names);
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
            joined = arena_format(arena, "%.*s %s", STR_ARG(joined), names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return joined;
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
    if (!is_there) {
        check_file("state/db/schema", STR("10"));
        check_file("state/db/big-lock", STR(""));
    }
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

void check_database_refused(const struct store *store, const char *sentence, struct arena arena)
{
    struct store_db db = { .lock = -7 };
    struct str before = check_content("state/db/db.sqlite", &arena);
    struct str names = check_names("state/db", &arena);
    CHECK_REFUSED(store_db_open_read(store, &arena, &db, check_error) != STORE_DB_FAILED, sentence);
    CHECK_REFUSED(store_db_open_write(store, arena, &db, check_error), sentence);
    CHECK_NUMBER(db.lock, -7);
    CHECK(str_equal(check_content("state/db/db.sqlite", &arena), before));
    CHECK_STR(check_names("state/db", &arena), names);
}

struct check_run check_run(bool (*work)(struct command *command, struct error *error),
                           struct command *command, struct arena *arena)
{
    struct check_run run = { 0 };
    command->store = check_store(arena);
    command->collector = -1;
    command->arena = arena;
    struct check_output told = check_keep(STDERR_FILENO);
    struct check_output output = check_keep(STDOUT_FILENO);
    run.done = work(command, check_error);
    run.output = check_kept(&output, arena);
    run.told = check_kept(&told, arena);
    own_close(&command->collector);
    check_store_close(&command->store);
    return run;
}
