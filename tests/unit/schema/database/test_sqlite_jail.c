#include "tests/check.h"
#include "tests/check_calls.h"

#include "schema/base/own.h"
#include "schema/database/sqlite_jail.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A connection in a jail of the test directory. */
struct connection {
    struct sqlite_jail *jail;
    sqlite3 *sqlite;
};

static void close_connection(struct connection *connection)
{
    CHECK_NUMBER(sqlite3_close(connection->sqlite), SQLITE_OK);
    sqlite_jail_free(connection->jail);
    *connection = (struct connection){ 0 };
}

static struct sqlite_jail_place place_of(const char *name)
{
    return (struct sqlite_jail_place){ .directory = check_directory(), .name = name, .draft = -1 };
}

static int open_at(struct sqlite_jail_place place, int flags, struct connection *ret_connection)
{
    if (!CHECK_DONE(sqlite_load(check_error)))
        return SQLITE_ERROR;
    return sqlite_jail_open(&place, flags, &ret_connection->jail, &ret_connection->sqlite);
}

static int open_database(struct connection *ret_connection)
{
    return open_at(place_of("db"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret_connection);
}

static int run(const struct connection *connection, const char *sql)
{
    return sqlite3_exec(connection->sqlite, sql, NULL, NULL, NULL);
}

/* One number that a query gives; -1 if it fails. */
static int ask(sqlite3 *open, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int number = -1;
    if (sqlite3_prepare_v2(open, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static bool is_there(const char *name)
{
    return faccessat(check_directory(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* SQLite's own layer, as Nix uses it. */
static sqlite3 *open_neighbour(struct arena *arena)
{
    sqlite3 *neighbour = NULL;
    const char *path = arena_format(arena, "%s/db", check_directory_path()).data;
    CHECK_NUMBER(sqlite3_open(path, &neighbour), SQLITE_OK);
    return neighbour;
}

static void make_database(const char *mode, struct arena *arena)
{
    sqlite3 *neighbour = open_neighbour(arena);
    const char *sql = arena_format(arena,
                                   "pragma journal_mode = %s; create table t (a);"
                                   "insert into t values (1), (2)",
                                   mode)
                          .data;
    CHECK_NUMBER(sqlite3_exec(neighbour, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(neighbour);
}

static void rows_written_here_are_read_by_the_own_layer_and_back(struct arena arena)
{
    static const char *const modes[] = { "delete", "wal", "truncate", "persist" };
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct connection connection = { 0 };
        check_about("%s", modes[i]);
        make_database(modes[i], &arena);
        if (!CHECK_NUMBER(open_database(&connection), SQLITE_OK))
            return;
        sqlite3 *neighbour = open_neighbour(&arena);
        CHECK_NUMBER(ask(neighbour, "select count(*) from t"), 2);
        CHECK_NUMBER(run(&connection, "insert into t values (3)"), SQLITE_OK);
        CHECK_NUMBER(ask(neighbour, "select count(*) from t"), 3);
        CHECK_NUMBER(sqlite3_exec(neighbour, "insert into t values (4)", NULL, NULL, NULL),
                     SQLITE_OK);
        CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), 4);
        sqlite3_close(neighbour);
        CHECK_NUMBER(ask(connection.sqlite, "select count(*) from pragma_integrity_check"), 1);
        close_connection(&connection);
        CHECK(!is_there("db-wal") && !is_there("db-shm"));
        CHECK(unlinkat(check_directory(), "db", 0) == 0);
        unlinkat(check_directory(), "db-journal", 0);
    }
}

/* Each begins to write, and the other is told that it is busy; readers are not disturbed by a log. */
static void locks_exclude_the_own_layer_and_are_excluded(struct arena arena)
{
    static const char *const modes[] = { "delete", "wal" };
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct connection connection = { 0 };
        check_about("%s", modes[i]);
        make_database(modes[i], &arena);
        if (!CHECK_NUMBER(open_database(&connection), SQLITE_OK))
            return;
        sqlite3 *neighbour = open_neighbour(&arena);
        CHECK_NUMBER(run(&connection, "begin immediate; insert into t values (3)"), SQLITE_OK);
        CHECK_NUMBER(sqlite3_exec(neighbour, "begin immediate", NULL, NULL, NULL), SQLITE_BUSY);
        CHECK_NUMBER(ask(neighbour, "select count(*) from t"), 2);
        CHECK_NUMBER(run(&connection, "commit"), SQLITE_OK);
        CHECK_NUMBER(
            sqlite3_exec(neighbour, "begin immediate; insert into t values (4)", NULL, NULL, NULL),
            SQLITE_OK);
        CHECK_NUMBER(run(&connection, "begin immediate"), SQLITE_BUSY);
        CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), 3);
        CHECK_NUMBER(sqlite3_exec(neighbour, "commit", NULL, NULL, NULL), SQLITE_OK);
        if (i == 0) {
            CHECK_NUMBER(run(&connection, "begin exclusive"), SQLITE_OK);
            CHECK_NUMBER(ask(neighbour, "select count(*) from t"), -1);
            CHECK_NUMBER(run(&connection, "rollback"), SQLITE_OK);
            CHECK_NUMBER(sqlite3_exec(neighbour, "begin exclusive", NULL, NULL, NULL), SQLITE_OK);
            CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), -1);
            CHECK_NUMBER(sqlite3_exec(neighbour, "rollback", NULL, NULL, NULL), SQLITE_OK);
        }
        /* Another descriptor of the file, closed, takes no lock away. */
        CHECK_NUMBER(run(&connection, "begin immediate"), SQLITE_OK);
        close(openat(check_directory(), "db", O_RDWR | O_CLOEXEC));
        CHECK_NUMBER(sqlite3_exec(neighbour, "begin immediate", NULL, NULL, NULL), SQLITE_BUSY);
        sqlite3_close(neighbour);
        close_connection(&connection);
        CHECK(unlinkat(check_directory(), "db", 0) == 0);
    }
}

/* A process of its own dies in the middle of a transaction that has reached the files. */
static void die_while_writing(bool here, struct arena *arena)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct connection connection = { 0 };
        if (here)
            open_database(&connection);
        else
            connection.sqlite = open_neighbour(arena);
        run(&connection,
            "pragma cache_size = 1; pragma wal_autocheckpoint = 0;"
            "insert into t values (3); begin; update t set a = a + 100;"
            "with recursive c (x) as (select 1 union all select x + 1 from c limit 200)"
            "insert into t select randomblob(4000) from c");
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void what_a_killed_process_left_is_recovered_in_both_directions(struct arena arena)
{
    static const struct {
        const char *mode, *left;
    } rows[] = { { "delete", "db-journal" }, { "wal", "db-wal" } };
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        struct connection connection = { 0 };
        const char *mode = rows[i / 2].mode;
        check_about("%s, written %s", mode, i % 2 ? "here" : "by the own layer");
        make_database(mode, &arena);
        die_while_writing(i % 2, &arena);
        CHECK(is_there(rows[i / 2].left));
        if (i % 2)
            connection.sqlite = open_neighbour(&arena);
        else
            CHECK_NUMBER(open_database(&connection), SQLITE_OK);
        CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), 3);
        CHECK_NUMBER(ask(connection.sqlite, "select sum(a) from t"), 6);
        if (i % 2)
            sqlite3_close(connection.sqlite);
        else
            close_connection(&connection);
        CHECK(!is_there(rows[i / 2].left));
        CHECK(unlinkat(check_directory(), "db", 0) == 0);
    }
}

static void make_special(const char *kind, const char *name)
{
    int directory = check_directory();
    if (strcmp(kind, "a symbolic link") == 0)
        CHECK(symlinkat("elsewhere", directory, name) == 0);
    else if (strcmp(kind, "a directory") == 0)
        CHECK(mkdirat(directory, name, 0755) == 0);
    else if (strcmp(kind, "a device") == 0)
        CHECK(mknodat(directory, name, S_IFCHR | 0666, (dev_t)0x105) == 0);
    else
        CHECK(mknodat(directory, name, (strcmp(kind, "a FIFO") == 0 ? S_IFIFO : S_IFSOCK) | 0666,
                      0) == 0);
}

static void remove_all(void)
{
    static const char *const names[] = { "db", "db-journal", "db-wal", "db-shm" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (unlinkat(check_directory(), names[i], 0) < 0 && errno != ENOENT)
            CHECK(unlinkat(check_directory(), names[i], AT_REMOVEDIR) == 0);
}

static void only_regular_files_are_opened(struct arena arena)
{
    static const char *const kinds[] = { "a symbolic link", "a directory", "a FIFO", "a socket",
                                         "a device" };
    static const char *const names[] = { "db", "db-journal", "db-wal", "db-shm" };
    for (size_t i = 0; i < COUNT(kinds) * COUNT(names); i++) {
        const char *kind = kinds[i / COUNT(names)], *name = names[i % COUNT(names)];
        struct connection connection = { 0 };
        check_about("%s as %s", name, kind);
        if (strcmp(kind, "a device") == 0 && getuid() != 0)
            continue;
        make_database(strcmp(name, "db-shm") == 0 ? "wal" : "delete", &arena);
        if (strcmp(name, "db") == 0)
            CHECK(unlinkat(check_directory(), "db", 0) == 0);
        make_special(kind, name);
        int code = open_database(&connection);
        if (code == SQLITE_OK)
            code = run(&connection, "select * from t");
        CHECK_NUMBER(code, SQLITE_PERM);
        CHECK_REFUSED(
            !connection.jail || sqlite_jail_check(connection.jail, check_error),
            arena_format(&arena, "open %s: it is %s, not a regular file; remove it", name, kind));
        close_connection(&connection);
        CHECK(!is_there("elsewhere"));
        remove_all();
    }
}

static void a_file_with_a_second_name_is_read_but_not_changed(struct arena arena)
{
    struct connection connection = { 0 };
    make_database("delete", &arena);
    CHECK(linkat(check_directory(), "db", check_directory(), "second", 0) == 0);
    CHECK_NUMBER(open_database(&connection), SQLITE_OK);
    CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), 2);
    CHECK_NUMBER(run(&connection, "delete from t"), SQLITE_READONLY);
    CHECK_REFUSED(sqlite_jail_check(connection.jail, check_error),
                  "open db: it has 2 names (hard links), so a change would reach beyond the "
                  "database; replace it with a copy");
    close_connection(&connection);
}

static void no_other_database_can_be_attached(struct arena arena)
{
    struct connection connection = { 0 };
    const char *path = arena_format(&arena, "%s/db", check_directory_path()).data;
    make_database("delete", &arena);
    CHECK_NUMBER(
        open_at(place_of("other"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &connection),
        SQLITE_OK);
    CHECK(run(&connection, arena_format(&arena, "attach '%s' as x", path).data) != SQLITE_OK);
    CHECK(run(&connection, arena_format(&arena, "attach 'file:%s?vfs=unix' as x", path).data) !=
          SQLITE_OK);
    CHECK(run(&connection, "attach 'db' as x") != SQLITE_OK);
    CHECK(run(&connection, "vacuum into 'copy'") != SQLITE_OK);
    CHECK(!is_there("copy"));
    close_connection(&connection);
}

/* SQLite asks for other names if a journal or the SQL has one: here they are asked for one by one. */
static void no_other_name_is_opened_looked_at_or_deleted(struct arena arena)
{
    static const char *const names[] = {
        "d", "da", "other", "db2", "db-shm", "db-journal2", "db-mj0123ABCD", "/etc/passwd", "../db",
    };
    struct connection connection = { 0 };
    sqlite3_vfs *vfs = NULL;
    char full[16];
    int is_there_now;
    make_database("delete", &arena);
    CHECK_NUMBER(open_database(&connection), SQLITE_OK);
    CHECK_NUMBER(
        sqlite3_file_control(connection.sqlite, "main", SQLITE_FCNTL_VFS_POINTER, (void *)&vfs),
        SQLITE_OK);
    sqlite3_file *file = arena_alloc(&arena, (size_t)vfs->szOsFile, 1);
    for (size_t i = 0; i < COUNT(names); i++) {
        check_about("%s", names[i]);
        bool is_plain = i < 7;
        if (is_plain)
            check_file(names[i], STR("x"));
        CHECK_NUMBER(vfs->xOpen(vfs, names[i], file, SQLITE_OPEN_READWRITE, NULL), SQLITE_PERM);
        CHECK(!file->pMethods);
        CHECK_NUMBER(vfs->xAccess(vfs, names[i], SQLITE_ACCESS_EXISTS, &is_there_now), SQLITE_PERM);
        CHECK_NUMBER(is_there_now, 0);
        CHECK_NUMBER(vfs->xDelete(vfs, names[i], 0), SQLITE_PERM);
        CHECK_NUMBER(vfs->xFullPathname(vfs, names[i], sizeof full, full), SQLITE_CANTOPEN);
        CHECK_REFUSED(sqlite_jail_check(connection.jail, check_error),
                      arena_format(&arena,
                                   "db-journal: it belongs to a transaction that changed '%s' too, "
                                   "which Nix never does; restore the database, or remove the "
                                   "journal if you trust the database as it is",
                                   names[i]));
        CHECK(!is_plain || is_there(names[i]));
    }
    CHECK_NUMBER(vfs->xDelete(vfs, "db", 0), SQLITE_PERM);
    CHECK_NUMBER(vfs->xDelete(vfs, "db-journal", 0), SQLITE_IOERR_DELETE_NOENT);
    CHECK_NUMBER(vfs->xFullPathname(vfs, "db", 2, full), SQLITE_CANTOPEN);
    CHECK_NUMBER(vfs->xFullPathname(vfs, "db", 3, full), SQLITE_OK);
    close_connection(&connection);
    CHECK(is_there("db"));
}

/* More than the cache holds is sorted, and a statement that fails half-way is undone. */
static void temporary_files_have_no_name(void)
{
    struct connection connection = { 0 };
    CHECK_NUMBER(open_database(&connection), SQLITE_OK);
    CHECK_NUMBER(
        run(&connection,
            "pragma temp_store = file; pragma cache_size = 10; create table t (a unique, b);"
            "with recursive c (x) as (select 1 union all select x + 1 from c limit 3000)"
            "insert into t select x, randomblob(1000) from c;"
            "create index i on t (b); create temp table u as select * from t"),
        SQLITE_OK);
    CHECK_NUMBER(run(&connection,
                     "begin; update t set a = case a when 3000 then 1 else a + 5000 end, "
                     "b = randomblob(1000)"),
                 SQLITE_OK);
    CHECK_NUMBER(run(&connection, "update t set a = 1, b = ''"), SQLITE_CONSTRAINT);
    CHECK_NUMBER(run(&connection, "rollback"), SQLITE_OK);
    CHECK_NUMBER(ask(connection.sqlite, "select count(*) from u join t using (a, b)"), 3000);
    close_connection(&connection);
    DIR *directory = fdopendir(openat(check_directory(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int count = 0;
    while (own_next_entry(directory))
        count++;
    closedir(directory);
    CHECK_NUMBER(count, 1);
}

static void a_draft_is_the_open_file_and_has_no_journal(void)
{
    struct connection connection = { 0 };
    cleanup(own_close) int draft =
        openat(check_directory(), "db", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct sqlite_jail_place place = place_of("db");
    place.draft = draft;
    /* What has its name is somebody else's. */
    CHECK(renameat(check_directory(), "db", check_directory(), "mine") == 0);
    CHECK(mknodat(check_directory(), "db", S_IFIFO | 0644, 0) == 0);
    CHECK(mknodat(check_directory(), "db-journal", S_IFIFO | 0644, 0) == 0);
    CHECK_NUMBER(open_at(place, SQLITE_OPEN_READWRITE, &connection), SQLITE_OK);
    CHECK_NUMBER(run(&connection, "pragma journal_mode = off; pragma locking_mode = exclusive;"
                                  "create table t (a)"),
                 SQLITE_OK);
    close_connection(&connection);
    struct stat status;
    CHECK(fstat(draft, &status) == 0 && status.st_size > 0);
}

static void a_still_database_is_read_without_its_log(struct arena arena)
{
    struct connection connection = { 0 };
    struct sqlite_jail_place place = place_of("db");
    place.is_still = true;
    make_database("wal", &arena);
    CHECK_NUMBER(open_at(place, SQLITE_OPEN_READONLY, &connection), SQLITE_OK);
    /* What was changed within this step of the kernel's clock is busy. */
    sqlite3_busy_timeout(connection.sqlite, 5000);
    CHECK_NUMBER(run(&connection, "begin"), SQLITE_OK);
    CHECK_NUMBER(ask(connection.sqlite, "select count(*) from t"), 2);
    CHECK(!is_there("db-wal") && !is_there("db-shm"));

    /* A log that is written beside it changes nothing, until it gets into the file. */
    sqlite3 *neighbour = open_neighbour(&arena);
    CHECK_NUMBER(
        sqlite3_exec(neighbour, "create table u (a); insert into t values (3)", NULL, NULL, NULL),
        SQLITE_OK);
    CHECK_NUMBER(run(&connection, "pragma cache_size = 0; select * from t"), SQLITE_OK);
    CHECK_NUMBER(sqlite3_exec(neighbour, "pragma wal_checkpoint", NULL, NULL, NULL), SQLITE_OK);
    CHECK_NUMBER(run(&connection, "pragma integrity_check"), SQLITE_BUSY);
    CHECK_REFUSED(sqlite_jail_check(connection.jail, check_error),
                  "read db: another process changed it meanwhile; try again");
    close_connection(&connection);

    /* Its log is there now, so it cannot be opened like that. */
    CHECK_NUMBER(open_at(place, SQLITE_OPEN_READONLY, &connection), SQLITE_OK);
    sqlite3_busy_timeout(connection.sqlite, 5000);
    CHECK_NUMBER(run(&connection, "select * from t"), SQLITE_CANTOPEN);
    close_connection(&connection);
    sqlite3_close(neighbour);
}

/* Opens the database, adds a row, closes it: false where something failed. */
static bool add_row(void)
{
    struct connection connection = { 0 };
    int code = open_database(&connection);
    if (code == SQLITE_OK)
        code = run(&connection, "insert into t values (99)");
    sqlite3_close(connection.sqlite);
    sqlite_jail_free(connection.jail);
    return code == SQLITE_OK;
}

/* Whichever system call fails: SQLite is told, and the database is as it was, or has the row. */
static void each_call_that_fails_leaves_the_database_whole(struct arena arena)
{
    static const char *const modes[] = { "delete", "wal" };
    for (size_t i = 0; i < COUNT(modes); i++) {
        bool is_done = false, has_failed = true;
        make_database(modes[i], &arena);
        for (size_t number = 1; has_failed; number++) {
            check_about("%s, call %zu", modes[i], number);
            sqlite3 *neighbour = open_neighbour(&arena);
            int before = ask(neighbour, "select count(*) from t");
            sqlite3_close(neighbour);
            check_calls_fail(number);
            is_done = add_row();
            has_failed = check_calls_end();
            neighbour = open_neighbour(&arena);
            int after = ask(neighbour, "select count(*) from t");
            CHECK(is_done ? after == before + 1 : after == before || after == before + 1);
            CHECK_NUMBER(
                ask(neighbour, "select integrity_check = 'ok' from pragma_integrity_check"), 1);
            sqlite3_close(neighbour);
        }
        CHECK(is_done);
        CHECK(unlinkat(check_directory(), "db", 0) == 0);
    }
}

static void signals_change_nothing_of_a_transaction(struct arena arena)
{
    static const char *const modes[] = { "delete", "wal" };
    for (size_t i = 0; i < COUNT(modes); i++) {
        check_about("%s", modes[i]);
        make_database(modes[i], &arena);
        check_calls_interrupt();
        bool done = add_row();
        CHECK(check_calls_end());
        CHECK(done);
        sqlite3 *neighbour = open_neighbour(&arena);
        CHECK_NUMBER(ask(neighbour, "select count(*) from t"), 3);
        CHECK_NUMBER(ask(neighbour, "select integrity_check = 'ok' from pragma_integrity_check"),
                     1);
        sqlite3_close(neighbour);
        CHECK(unlinkat(check_directory(), "db", 0) == 0);
    }
}

static void time_and_chance_are_the_systems(void)
{
    struct connection connection = { 0 };
    CHECK_NUMBER(open_database(&connection), SQLITE_OK);
    int before = (int)time(NULL);
    int said = ask(connection.sqlite, "select strftime('%s', 'now')");
    CHECK(before <= said && said <= (int)time(NULL));
    CHECK_NUMBER(ask(connection.sqlite, "select randomblob(16) = randomblob(16)"), 0);
    sqlite3_vfs *vfs = NULL;
    char random[2][16] = { { 0 } };
    struct timespec start, end;
    CHECK_NUMBER(
        sqlite3_file_control(connection.sqlite, "main", SQLITE_FCNTL_VFS_POINTER, (void *)&vfs),
        SQLITE_OK);
    for (size_t i = 0; i < 2; i++)
        CHECK_NUMBER(vfs->xRandomness(vfs, sizeof random[i], random[i]), sizeof random[i]);
    CHECK(memcmp(random[0], random[1], sizeof random[0]) != 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK_NUMBER(vfs->xSleep(vfs, 2000), 2000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec >= 2000000);
    close_connection(&connection);
}

int main(void)
{
    return CHECK_ALL(
        CASE(rows_written_here_are_read_by_the_own_layer_and_back),
        CASE(locks_exclude_the_own_layer_and_are_excluded),
        CASE(what_a_killed_process_left_is_recovered_in_both_directions),
        CASE(only_regular_files_are_opened),
        CASE(a_file_with_a_second_name_is_read_but_not_changed),
        CASE(no_other_database_can_be_attached), CASE(no_other_name_is_opened_looked_at_or_deleted),
        CASE(temporary_files_have_no_name), CASE(a_draft_is_the_open_file_and_has_no_journal),
        CASE(a_still_database_is_read_without_its_log),
        CASE(each_call_that_fails_leaves_the_database_whole),
        CASE(signals_change_nothing_of_a_transaction), CASE(time_and_chance_are_the_systems));
}
