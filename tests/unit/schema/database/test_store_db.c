#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#define D "0123456789abcdfghijklmnpqrsvwxyz"
#define ADD(path) \
    "insert into ValidPaths (path, hash, registrationTime) values ('" path "', 'h', 1);"

/* Makes the database, or changes it, with SQL of the case. */
static bool make_database(const struct store *store, const char *sql, struct arena scratch)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return CHECK_DONE(store_db_open_write(store, scratch, &db, check_error)) &&
           (!db.is_new || CHECK_DONE(store_db_begin_new(&db, check_error))) &&
           CHECK_DONE(store_db_run(&db, sql, check_error)) &&
           CHECK_DONE(store_db_commit(&db, check_error));
}

/* The first column of all rows, each behind a blank. */
static struct str ask(const struct store_db *db, const char *sql, struct arena *arena)
{
    struct str joined = STR("");
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    if (!CHECK_DONE(store_db_prepare(db, sql, &rows, check_error)))
        return joined;
    while (store_db_step(db, rows, check_error) == STORE_DB_FOUND) {
        struct str text = store_db_text(rows, 0);
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined), STR_ARG(text));
    }
    return joined;
}

#define ALL_PATHS "select path from ValidPaths order by path"

/* The paths that a reader sees; "(none)" where there is no database. */
static struct str read_paths(const struct store *store, struct arena *arena)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    enum store_db_answer answer = store_db_open_read(store, arena, &db, check_error);
    if (answer != STORE_DB_FOUND)
        return answer == STORE_DB_ABSENT ? STR("(none)")
                                         : arena_copy(arena, str_from(check_error->sentence));
    return ask(&db, ALL_PATHS, arena);
}

static void where_nothing_is_nothing_is_found_or_made(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_db db = { .lock = -7 };
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_ABSENT);
    CHECK_NUMBER(db.lock, -7);
    CHECK_STR(check_names("", &arena), "");
}

static void a_new_database_is_invisible_until_committed(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(db.is_new);
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    CHECK_STR(check_names("state/db", &arena), " .db.sqlite.draft .schema.draft big-lock");
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    CHECK_STR(read_paths(&store, &arena), "(none)");
    CHECK_DONE(store_db_commit(&db, check_error));
    CHECK(db.sqlite == NULL);
    CHECK_STR(check_names("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_FOUND);
    store_db_close(&db);
    struct str before = check_content("state/db/db.sqlite", &arena);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    CHECK(str_equal(check_content("state/db/db.sqlite", &arena), before));
}

static void a_new_database_is_what_nix_expects(struct arena arena)
{
    struct stat status = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!make_database(&store, "", arena))
        return;
    CHECK_STR(check_content("state/db/schema", &arena), "10");
    CHECK(fstatat(check_directory(), "state/db/db.sqlite", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0644);
    CHECK(fstatat(check_directory(), "state/db/schema", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0644);
    CHECK(fstatat(check_directory(), "state/db/big-lock", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0600);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    CHECK_STR(ask(&db, "pragma journal_mode", &arena), " wal");
    CHECK_STR(ask(&db, "pragma integrity_check", &arena), " ok");
    CHECK_STR(ask(&db,
                  "select name from sqlite_master where sql is not null and name not like "
                  "'sqlite_%' order by name",
                  &arena),
              " DeleteSelfRefs DerivationOutputs IndexDerivationOutputs IndexReference Refs "
              "SchemaMigrations ValidPaths");
    CHECK_STR(ask(&db, "select migration from SchemaMigrations", &arena),
              " 20260309-drop-redundant-indexreferrer");
}

static void a_new_database_that_is_not_committed_disappears(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_db db;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    store_db_close(&db);
    CHECK_NUMBER(db.lock, -1);
    store_db_close(&db);
    CHECK_STR(check_names("state/db", &arena), " big-lock");
}

static void what_a_killed_run_left_does_not_hinder(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mkdirat(check_directory(), "state/db", 0755) == 0);
    check_file("state/db/.db.sqlite.draft", STR("half of a database"));
    check_file("state/db/db.sqlite-wal", STR("of another one"));
    check_file("state/db/db.sqlite-shm", STR("of another one"));
    check_file("state/db/db.sqlite-journal", STR("of another one"));
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    make_database(&store, ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(check_names("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

static void an_existing_database_is_changed_in_a_transaction(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(!db.is_new);
    CHECK_NUMBER(sqlite3_get_autocommit(db.sqlite), 0);
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-b"), check_error));
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    CHECK_DONE(store_db_commit(&db, check_error));
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a /nix/store/" D "-b");
    store_db_close(&db);
    CHECK_STR(check_names("state/db", &arena), " big-lock db.sqlite schema");
}

static void a_change_that_is_not_committed_is_undone(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct store_db db;
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_run(&db, "delete from ValidPaths", check_error));
    store_db_close(&db);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

static void a_used_big_lock_has_the_database_made_in_place(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mkdirat(check_directory(), "state/db", 0755) == 0);
    cleanup(own_close) int lock =
        openat(check_directory(), "state/db/big-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(flock(lock, LOCK_SH) == 0);
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(!db.is_new);
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    CHECK_STR(check_content("state/db/schema", &arena), "(absent)");
    CHECK_STR(read_paths(&store, &arena), "(none)");
    CHECK_DONE(store_db_commit(&db, check_error));
    store_db_close(&db);
    CHECK_STR(check_content("state/db/schema", &arena), "10");
    CHECK_STR(check_names("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

static void an_unfinished_database_is_found_but_not_read(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0);
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_FOUND);
    CHECK_STR(read_paths(&store, &arena), "(none)");
    make_database(&store, ADD("/nix/store/" D "-b"), arena);
    CHECK_STR(check_content("state/db/schema", &arena), "10");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a /nix/store/" D "-b");
}

/* Holds the big lock in a child for a while; returns when it is held. */
static pid_t hold_lock_for(useconds_t time_us)
{
    int ends[2];
    char byte;
    if (!CHECK(pipe2(ends, O_CLOEXEC) == 0))
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int lock = openat(check_directory(), "state/db/big-lock", O_RDWR | O_CLOEXEC);
        if (flock(lock, LOCK_EX) < 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        usleep(time_us);
        _exit(0);
    }
    CHECK(read(ends[0], &byte, 1) == 1);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void an_exclusive_holder_of_the_big_lock_is_waited_for(struct arena arena)
{
    int status = -1;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!make_database(&store, "", arena))
        return;
    pid_t child = hold_lock_for(200 * 1000);
    CHECK_STR(read_paths(&store, &arena), "");
    CHECK_NUMBER(waitpid(child, &status, WNOHANG), 0);
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_NUMBER(status, 0);
}

static void the_state_directory_may_be_reached_through_links(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK(mkdirat(check_directory(), "elsewhere", 0755) == 0);
    CHECK(symlinkat("/../elsewhere", check_directory(), "state") == 0);
    make_database(&store, ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(check_names("elsewhere/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    make_database(&store, ADD("/nix/store/" D "-b"), arena);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a /nix/store/" D "-b");
}

/* Adds a path: to a new database, or to the one that is there. */
static bool add_path(const struct store *store, struct arena scratch)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return store_db_open_write(store, scratch, &db, check_error) &&
           (!db.is_new || store_db_begin_new(&db, check_error)) &&
           store_db_run(&db,
                        "insert or replace into ValidPaths (path, hash, registrationTime) values "
                        "('/nix/store/" D "-a', 'h', 1)",
                        check_error) &&
           store_db_commit(&db, check_error);
}

/* A new database is there with its schema, or not; an existing one is sound and has the path, or not. */
static void each_call_that_fails_leaves_the_database_whole(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (int is_new = 1; is_new >= 0; is_new--) {
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            check_about("new %d, call %zu", is_new, number);
            if (is_new) {
                unlinkat(check_directory(), "state/db/db.sqlite", 0);
                unlinkat(check_directory(), "state/db/schema", 0);
            }
            check_error->sentence[0] = '\0';
            check_calls_fail(number);
            bool done = add_path(&store, scratch);
            has_failed = check_calls_end();
            failures += !done;
            CHECK(done || (has_failed && check_error->sentence[0]));
            struct str paths = read_paths(&store, &scratch);
            if (done || !str_equal(paths, is_new ? STR("(none)") : STR("")))
                CHECK_STR(paths, " /nix/store/" D "-a");
        }
        CHECK(failures > 20);
        check_sql("delete from ValidPaths", arena);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(where_nothing_is_nothing_is_found_or_made),
                     CASE(a_new_database_is_invisible_until_committed),
                     CASE(a_new_database_is_what_nix_expects),
                     CASE(a_new_database_that_is_not_committed_disappears),
                     CASE(what_a_killed_run_left_does_not_hinder),
                     CASE(an_existing_database_is_changed_in_a_transaction),
                     CASE(a_change_that_is_not_committed_is_undone),
                     CASE(a_used_big_lock_has_the_database_made_in_place),
                     CASE(an_unfinished_database_is_found_but_not_read),
                     CASE(an_exclusive_holder_of_the_big_lock_is_waited_for),
                     CASE(the_state_directory_may_be_reached_through_links),
                     CASE(each_call_that_fails_leaves_the_database_whole));
}
