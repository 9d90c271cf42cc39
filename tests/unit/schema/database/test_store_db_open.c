#include "tests/check_sleep.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db_open.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void other_schema_versions_are_refused(struct arena arena)
{
    static const struct {
        struct str text;
        const char *sentence;
    } rows[] = {
        { { "9", 1 },
          "the database has schema version 9, older than 10; run 'nix-store --verify' once to upgrade it" },
        { { "11", 2 },
          "the database has schema version 11, newer than 10; use the regd or Nix that made it" },
        { { "2147483647", 10 },
          "the database has schema version 2147483647, newer than 10; use the regd or Nix that made it" },
        { { "2147483648", 10 }, "schema: '2147483648' is not a schema version" },
        { { "4294967306", 10 }, "schema: '4294967306' is not a schema version" },
        { { "009", 3 },
          "the database has schema version 9, older than 10; run 'nix-store --verify' once to upgrade it" },
        { { "-10", 3 }, "schema: '-10' is not a schema version" },
        { { "-1", 2 }, "schema: '-1' is not a schema version" },
        { { "+", 1 }, "schema: '+' is not a schema version" },
        { { "++10", 4 }, "schema: '++10' is not a schema version" },
        { { " 10", 3 }, "schema: ' 10' is not a schema version" },
        { { "0x0a", 4 }, "schema: '0x0a' is not a schema version" },
        { { "", 0 }, "schema: '' is not a schema version" },
        { { "10\n", 3 }, "schema: '10\n' is not a schema version" },
        { { "ten", 3 }, "schema: 'ten' is not a schema version" },
        { { "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg", 65 },
          "read schema: larger than the limit of 64 bytes" },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].text.data);
        check_file("state/db/schema", rows[i].text);
        check_database_refused(&store, rows[i].sentence, arena);
        CHECK_STR(check_content("state/db/schema", &arena), rows[i].text);
    }
}

/* nix-store 2.8.0 takes these, and leaves the file as it is. */
static void a_schema_version_is_read_as_nix_reads_it(struct arena arena)
{
    static const char *const texts[] = { "10", "010", "0010", "+10", "+010" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    for (size_t i = 0; i < COUNT(texts); i++) {
        cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
        check_about("%s", texts[i]);
        check_file("state/db/schema", str_from(texts[i]));
        CHECK(store_db_open_read(&store, &arena, &db, check_error) == STORE_DB_FOUND);
        store_db_close(&db);
        if (CHECK_DONE(store_db_open_write(&store, arena, &db, check_error)))
            CHECK_DONE(store_db_commit(&db, check_error));
        CHECK_STR(check_content("state/db/schema", &arena), texts[i]);
    }
}

/* Finished means: of version 10, and the file is there. */
static void what_is_not_finished_is_absent(struct arena arena)
{
    static const struct {
        const char *schema, *database; /* or null: there is none */
        enum store_db_answer answer;
    } rows[] = {
        { NULL, NULL, STORE_DB_ABSENT }, { NULL, "", STORE_DB_ABSENT },
        { NULL, "x", STORE_DB_FOUND },   { "0", NULL, STORE_DB_ABSENT },
        { "0", "", STORE_DB_ABSENT },    { "-0", "x", STORE_DB_FOUND },
        { "10", "", STORE_DB_FOUND },    { "10", "x", STORE_DB_FOUND },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    check_make_directory("state/db");
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("row %zu", i);
        unlinkat(check_directory(), "state/db/schema", 0);
        unlinkat(check_directory(), "state/db/db.sqlite", 0);
        if (rows[i].schema)
            check_file("state/db/schema", str_from(rows[i].schema));
        if (rows[i].database)
            check_file("state/db/db.sqlite", str_from(rows[i].database));
        CHECK_NUMBER(store_db_find(&store, arena, check_error), rows[i].answer);
    }
}

static void a_missing_database_that_should_be_there_is_refused(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql("", arena);
    CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
    check_database_refused(
        &store,
        "/state/db/schema says that there is a database, but db.sqlite is missing; restore it, or remove schema and register again",
        arena);
}

static void a_file_in_place_of_the_directory_is_refused(struct arena arena)
{
    struct store_db db;
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mknodat(check_directory(), "state/db", S_IFREG | 0644, 0) == 0);
    CHECK_REFUSED(store_db_find(&store, arena, check_error) != STORE_DB_FAILED,
                  "open /state/db/.: Not a directory");
    CHECK_REFUSED(store_db_open_write(&store, arena, &db, check_error),
                  "create the directory /state/db: Not a directory");
}

static void what_is_no_file_in_its_place_is_refused(struct arena arena)
{
    static const char *const names[] = { "db.sqlite", "schema" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_make_directory("state/db");
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *path = arena_format(&arena, "state/db/%s", names[i]).data;
        check_about("%s", names[i]);
        CHECK(mknodat(check_directory(), path, S_IFIFO | 0644, 0) == 0);
        CHECK_REFUSED(
            store_db_find(&store, arena, check_error) != STORE_DB_FAILED,
            arena_format(&arena, "open %s: it is a FIFO, not a regular file; remove it", names[i]));
        CHECK(unlinkat(check_directory(), path, 0) == 0);
        CHECK(symlinkat("elsewhere", check_directory(), path) == 0);
        CHECK_REFUSED(store_db_find(&store, arena, check_error) != STORE_DB_FAILED,
                      arena_format(&arena,
                                   "open %s: it is a symbolic link, not a regular file; remove it",
                                   names[i]));
        CHECK(unlinkat(check_directory(), path, 0) == 0);
    }
}

static unsigned told_times, told_seconds;

static void keep(const void *context, const char *what, const char *holder, unsigned seconds)
{
    CHECK(context == &told_times && holder);
    CHECK_STR(what, "the Nix database");
    told_times++;
    told_seconds = seconds;
}

static void a_wait_is_told_once_a_second(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    store_db_tell_waiting(&store, check_directory(), "lock", 1000);
    store.waiting = keep;
    store.context = &told_times;
    check_file("lock", STR(""));
    for (int waited_ms = 0; waited_ms <= 3000; waited_ms += STORE_DB_WAIT_STEP_MS)
        store_db_tell_waiting(&store, check_directory(), "lock", waited_ms);
    CHECK_NUMBER(told_times, 3);
    CHECK_NUMBER(told_seconds, 3);
}

/* Another process that keeps something locked until the pipe is closed. */
enum { IN_DELETE_MODE, IN_WAL_MODE, BIG_LOCK, LOCK_KINDS };

static pid_t holder_process;
static int holder_pipe;

/* Returns the holder's exit status, and never if all is well. */
static int hold(int kind, const char *path, int ready, int end)
{
    static const char *const begin[] = {
        [IN_DELETE_MODE] = "pragma journal_mode = delete; begin exclusive",
        [IN_WAL_MODE] = "pragma journal_mode = wal; begin immediate",
        [BIG_LOCK] = "",
    };
    sqlite3 *open = NULL;
    char byte;
    int lock = kind == BIG_LOCK ? openat(check_directory(), "state/db/" STORE_DB_LOCK_NAME,
                                         O_RDWR | O_CREAT | O_CLOEXEC, 0600)
                                : -1;
    bool is_held = sqlite3_open(path, &open) == SQLITE_OK &&
                   sqlite3_exec(open, begin[kind], NULL, NULL, NULL) == SQLITE_OK &&
                   (lock < 0 || flock(lock, LOCK_EX) == 0);
    return !is_held || write(ready, "x", 1) != 1 || read(end, &byte, 1) != 0;
}

static void start_holder(int kind, struct arena arena)
{
    int ready[2], end[2];
    char byte;
    const char *path = arena_format(&arena, "%s/state/db/db.sqlite", check_directory_path()).data;
    check_sql("", arena);
    CHECK(pipe(ready) == 0 && pipe(end) == 0);
    holder_process = fork();
    if (holder_process == 0) {
        close(ready[0]);
        close(end[1]);
        _exit(hold(kind, path, ready[1], end[0]));
    }
    close(ready[1]);
    close(end[0]);
    holder_pipe = end[1];
    CHECK_NUMBER(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void end_holder_after_two_seconds(void)
{
    int status = -1;
    if (check_sleep.slept_ms < 2000 || holder_pipe < 0)
        return;
    close(holder_pipe);
    holder_pipe = -1;
    CHECK(waitpid(holder_process, &status, 0) == holder_process);
    CHECK_NUMBER(status, 0);
}

static void what_is_locked_is_waited_for_but_not_for_ever(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    store.waiting = keep;
    store.context = &told_times;
    for (int kind = 0; kind < LOCK_KINDS; kind++) {
        cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
        check_about("kind %d", kind);
        start_holder(kind, arena);
        told_times = 0;
        check_sleep_begin(NULL);
        bool is_open = store_db_open_write(&store, arena, &db, check_error);
        CHECK_NUMBER(check_sleep_end(), STORE_DB_WAIT_MS / 1000);
        CHECK_REFUSED(is_open, kind == BIG_LOCK ? STORE_DB_LOCK_NAME
                                   ": another process has kept it locked for 300 s"
                                                : STORE_DB_NAME
                                   ": another process keeps the database locked");
        CHECK_NUMBER(told_times, STORE_DB_WAIT_MS / 1000 - 1);
        check_sleep_begin(end_holder_after_two_seconds);
        is_open = store_db_open_write(&store, arena, &db, check_error);
        CHECK_NUMBER(check_sleep_end(), 2);
        if (CHECK_DONE(is_open))
            CHECK_DONE(store_db_commit(&db, check_error));
    }
}

static void a_file_is_named_by_its_path(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_STR(store_db_path(&store, &arena, "schema"), "/state/db/schema");
}

int main(void)
{
    return CHECK_ALL(
        CASE(other_schema_versions_are_refused), CASE(a_schema_version_is_read_as_nix_reads_it),
        CASE(what_is_not_finished_is_absent),
        CASE(a_missing_database_that_should_be_there_is_refused),
        CASE(a_file_in_place_of_the_directory_is_refused),
        CASE(what_is_no_file_in_its_place_is_refused), CASE(a_wait_is_told_once_a_second),
        CASE(what_is_locked_is_waited_for_but_not_for_ever), CASE(a_file_is_named_by_its_path));
}
