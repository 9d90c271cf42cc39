#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/store_db.h"

#include <fcntl.h>
#include <sys/file.h>

#define D CHECK_DIGEST
#define ADD(path) \
    "insert into ValidPaths (path, hash, registrationTime) values ('" path "', 'h', 1);"

enum { NOBODY = 65534 };

/* The paths that are read; the sentence where they are not. */
static struct str read_paths(const struct store *store, struct arena *arena)
{
    struct str joined = STR("");
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    enum store_db_answer answer = store_db_open_read(store, arena, &db, check_error);
    if (answer == STORE_DB_ABSENT)
        return STR("(none)");
    if (answer == STORE_DB_FAILED ||
        !store_db_prepare(&db, "select path from ValidPaths", &rows, check_error))
        return arena_copy(arena, str_from(check_error->sentence));
    while ((answer = store_db_step(&db, rows, check_error)) == STORE_DB_FOUND)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined), STR_ARG(store_db_text(rows, 0)));
    return answer == STORE_DB_ABSENT ? joined : arena_copy(arena, str_from(check_error->sentence));
}

/* Root may write anywhere, so such cases run as somebody else. */
static void become(uid_t user)
{
    if (getuid() == 0)
        CHECK(seteuid(user) == 0);
}

static void rows_cannot_be_changed(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    CHECK(!db.is_writable && !db.is_new);
    CHECK_REFUSED(store_db_run(&db, "delete from ValidPaths", check_error),
                  "db.sqlite: attempt to write a readonly database");
}

static void one_state_is_read_whatever_others_write(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    check_sql(ADD("/nix/store/" D "-b"), arena);
    CHECK_DONE(store_db_prepare(&db, "select count(*) from ValidPaths", &rows, check_error));
    CHECK_NUMBER(store_db_step(&db, rows, check_error), STORE_DB_FOUND);
    CHECK_STR(store_db_text(rows, 0), "1");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a /nix/store/" D "-b");
}

static void a_lock_that_is_held_or_shut_hinders_no_reader(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql(ADD("/nix/store/" D "-a"), arena);
    cleanup(own_close) int lock =
        openat(check_directory(), "state/db/big-lock", O_RDWR | O_CLOEXEC);
    CHECK(flock(lock, LOCK_EX) == 0);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    CHECK(fchmod(lock, 0) == 0);
    become(NOBODY);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    become(0);
    CHECK(unlinkat(check_directory(), "state/db/big-lock", 0) == 0);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

/* A read-only directory whose name has what a URI would take for its own. */
static void a_read_only_directory_is_read_and_not_changed(struct arena arena)
{
    cleanup(check_store_close) struct store store = { .root = -1 };
    CHECK_DONE(
        store_open(check_directory_path(), "/nix/store", "/a?b#c%41", &arena, &store, check_error));
    check_sql(ADD("/nix/store/" D "-a"), arena);
    CHECK(renameat(check_directory(), "state", check_directory(), "a?b#c%41") == 0);
    CHECK(fchmodat(check_directory(), "a?b#c%41/db", 0555, 0) == 0);
    become(NOBODY);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    struct store_db db;
    CHECK(!store_db_open_write(&store, arena, &db, check_error));
    become(0);
    CHECK_STR(check_names("a?b#c%41/db", &arena), " big-lock db.sqlite schema");
    CHECK(fchmodat(check_directory(), "a?b#c%41/db", 0755, 0) == 0);
}

static void a_left_over_log_is_not_overlooked_where_it_cannot_be_read(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_sql(ADD("/nix/store/" D "-a"), arena);
    check_file("state/db/db.sqlite-wal", STR("changes that are not in the file yet"));
    CHECK(fchmodat(check_directory(), "state/db", 0555, 0) == 0);
    become(NOBODY);
    struct store_db db;
    CHECK_REFUSED(
        store_db_open_read(&store, &arena, &db, check_error) != STORE_DB_FAILED,
        "read db.sqlite-wal: it holds changes that can be read only with write access; run as the owner of the database, or make its file system writable");
    become(0);
    CHECK(fchmodat(check_directory(), "state/db", 0755, 0) == 0);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    bool is_read = false, has_failed = true;
    check_sql(ADD("/nix/store/" D "-a"), arena);
    for (size_t number = 1; has_failed; number++) {
        check_about("call %zu", number);
        check_calls_fail(number);
        struct str text = read_paths(&store, &arena);
        has_failed = check_calls_end();
        is_read = str_equal(text, STR(" /nix/store/" D "-a"));
        CHECK(is_read || (has_failed && text.len > 0 && !str_starts(text, STR(" ")) &&
                          !str_equal(text, STR("(none)"))));
    }
    CHECK(is_read);
}

int main(void)
{
    return CHECK_ALL(CASE(rows_cannot_be_changed), CASE(one_state_is_read_whatever_others_write),
                     CASE(a_lock_that_is_held_or_shut_hinders_no_reader),
                     CASE(a_read_only_directory_is_read_and_not_changed),
                     CASE(a_left_over_log_is_not_overlooked_where_it_cannot_be_read),
                     CASE(each_call_that_fails_is_a_sentence));
}
