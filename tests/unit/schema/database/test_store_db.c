#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/database/store_db.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define D "0123456789abcdfghijklmnpqrsvwxyz"
#define ADD(path) \
    "insert into ValidPaths (path, hash, registrationTime) values ('" path "', 'h', 1);"

/* A store below the test directory; its database is in the directory "db". */
static struct store open_store(struct arena *arena)
{
    struct store store = { .root = -1 };
    CHECK_DONE(
        store_open(check_directory_path(), "/nix/store", "/state", arena, &store, check_error));
    return store;
}

static void close_store(const struct store *store)
{
    own_close(&store->root);
}

/* Makes the database, or changes it, with SQL of the case. */
static bool make_database(const struct store *store, const char *sql, struct arena scratch)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return CHECK_DONE(store_db_open_write(store, scratch, &db, check_error)) &&
           (!db.is_new || CHECK_DONE(store_db_begin_new(&db, check_error))) &&
           CHECK_DONE(store_db_run(&db, sql, check_error)) &&
           CHECK_DONE(store_db_commit(&db, check_error));
}

/* Changes the database behind the back of our code. */
static void run_sql(const char *sql, struct arena scratch)
{
    sqlite3 *connection = NULL;
    const char *path = arena_format(&scratch, "%s/state/db/db.sqlite", check_directory_path()).data;
    CHECK_NUMBER(sqlite3_open(path, &connection), SQLITE_OK);
    CHECK_NUMBER(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(connection);
}

static void put(const char *name, struct str content)
{
    cleanup(own_close) int directory =
        openat(check_directory(), "state/db", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_DONE(file_publish(directory, name, content, 0644, check_error));
}

static struct str content_of(const char *name, struct arena *arena)
{
    struct str text = STR("(absent)");
    const char *path = arena_format(arena, "state/db/%s", name).data;
    if (faccessat(check_directory(), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        CHECK_DONE(file_read(check_directory(), path, 1 << 20, arena, &text, check_error));
    return text;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* The names in the database's directory, ascending, each behind a blank. */
static struct str names_in(const char *directory, struct arena *arena)
{
    struct dirent **names = NULL;
    struct str joined = STR("");
    const char *path = arena_format(arena, "%s/%s", check_directory_path(), directory).data;
    int count = scandir(path, &names, NULL, compare_names);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' || strlen(names[i]->d_name) > 2)
            joined = arena_format(arena, "%.*s %s", STR_ARG(joined), names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return joined;
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
    cleanup(close_store) struct store store = open_store(&arena);
    struct store_db db = { .lock = -7 };
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_ABSENT);
    CHECK_NUMBER(db.lock, -7);
    CHECK_STR(names_in("", &arena), "");
}

static void a_new_database_is_invisible_until_committed(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(db.is_new);
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    CHECK_STR(names_in("state/db", &arena), " .db.sqlite.draft .schema.draft big-lock");
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    CHECK_STR(read_paths(&store, &arena), "(none)");
    CHECK_DONE(store_db_commit(&db, check_error));
    CHECK(db.sqlite == NULL);
    CHECK_STR(names_in("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_FOUND);
    store_db_close(&db);
    struct str before = content_of("db.sqlite", &arena);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    CHECK(str_equal(content_of("db.sqlite", &arena), before));
}

static void a_new_database_is_what_nix_expects(struct arena arena)
{
    struct stat status = { 0 };
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    if (!make_database(&store, "", arena))
        return;
    CHECK_STR(content_of("schema", &arena), "10");
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
    cleanup(close_store) struct store store = open_store(&arena);
    struct store_db db;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    store_db_close(&db);
    CHECK_NUMBER(db.lock, -1);
    store_db_close(&db);
    CHECK_STR(names_in("state/db", &arena), " big-lock");
}

static void what_a_killed_run_left_does_not_hinder(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mkdirat(check_directory(), "state/db", 0755) == 0);
    put(".db.sqlite.draft", STR("half of a database"));
    put("db.sqlite-wal", STR("of another one"));
    put("db.sqlite-shm", STR("of another one"));
    put("db.sqlite-journal", STR("of another one"));
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_ABSENT);
    make_database(&store, ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(names_in("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

static void an_existing_database_is_changed_in_a_transaction(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
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
    CHECK_STR(names_in("state/db", &arena), " big-lock db.sqlite schema");
}

static void a_change_that_is_not_committed_is_undone(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
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
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mkdirat(check_directory(), "state/db", 0755) == 0);
    cleanup(own_close) int lock =
        openat(check_directory(), "state/db/big-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(flock(lock, LOCK_SH) == 0);
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK(!db.is_new);
    CHECK_DONE(store_db_run(&db, ADD("/nix/store/" D "-a"), check_error));
    CHECK_STR(content_of("schema", &arena), "(absent)");
    CHECK_STR(read_paths(&store, &arena), "(none)");
    CHECK_DONE(store_db_commit(&db, check_error));
    store_db_close(&db);
    CHECK_STR(content_of("schema", &arena), "10");
    CHECK_STR(names_in("state/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
}

static void an_unfinished_database_is_found_but_not_read(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0);
    CHECK_NUMBER(store_db_find(&store, arena, check_error), STORE_DB_FOUND);
    CHECK_STR(read_paths(&store, &arena), "(none)");
    make_database(&store, ADD("/nix/store/" D "-b"), arena);
    CHECK_STR(content_of("schema", &arena), "10");
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
    cleanup(close_store) struct store store = open_store(&arena);
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

/* Tries to read and to write; both give this sentence and leave everything as it was. */
static void check_both_refuse(const struct store *store, const char *sentence, struct arena arena)
{
    struct store_db db = { .lock = -7 };
    struct str before = content_of("db.sqlite", &arena), names = names_in("state/db", &arena);
    CHECK_REFUSED(store_db_open_read(store, &arena, &db, check_error) != STORE_DB_FAILED, sentence);
    CHECK_REFUSED(store_db_open_write(store, arena, &db, check_error), sentence);
    CHECK_NUMBER(db.lock, -7);
    CHECK(str_equal(content_of("db.sqlite", &arena), before));
    CHECK_STR(names_in("state/db", &arena), names);
}

static void other_schema_versions_are_refused(struct arena arena)
{
    static const struct {
        struct str text;
        const char *sentence;
    } rows[] = {
        { { "9", 1 },
          "the database has schema version 9, older than 10: run 'nix-store --verify' once to "
          "upgrade it" },
        { { "11", 2 },
          "the database has schema version 11, newer than 10: use the regd or Nix that made it" },
        { { "2147483647", 10 },
          "the database has schema version 2147483647, newer than 10: use the regd or Nix that "
          "made it" },
        { { "2147483648", 10 }, "schema: '2147483648' is not a schema version" },
        { { "4294967306", 10 }, "schema: '4294967306' is not a schema version" },
        { { "009", 3 },
          "the database has schema version 9, older than 10: run 'nix-store --verify' once to "
          "upgrade it" },
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
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, "", arena))
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].text.data);
        put("schema", rows[i].text);
        check_both_refuse(&store, rows[i].sentence, arena);
        CHECK_STR(content_of("schema", &arena), rows[i].text);
    }
}

/* nix-store 2.8.0 takes these, and leaves the file as it is. */
static void a_schema_version_is_read_as_nix_reads_it(struct arena arena)
{
    static const char *const texts[] = { "10", "010", "0010", "+10", "+010" };
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, "", arena))
        return;
    for (size_t i = 0; i < COUNT(texts); i++) {
        cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
        check_about("%s", texts[i]);
        put("schema", str_from(texts[i]));
        CHECK(store_db_open_read(&store, &arena, &db, check_error) == STORE_DB_FOUND);
        store_db_close(&db);
        if (CHECK_DONE(store_db_open_write(&store, arena, &db, check_error)))
            CHECK_DONE(store_db_commit(&db, check_error));
        CHECK_STR(content_of("schema", &arena), texts[i]);
    }
}

static void a_missing_database_that_should_be_there_is_refused(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, "", arena))
        return;
    CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0);
    check_both_refuse(&store,
                      "/state/db/schema says that there is a database, but db.sqlite is missing: "
                      "restore it, or remove schema and register again",
                      arena);
}

static void contents_that_are_not_ours_are_refused(struct arena arena)
{
    static const struct {
        const char *sql, *sentence;
    } rows[] = {
        { "delete from ValidPaths; " ADD("/gnu/store/" D "-a"),
          "the database has no path in the store '/nix/store', but '/gnu/store/" D
          "-a'; name the store that it is of with --store-dir" },
        { "delete from ValidPaths; " ADD("/nix/store2/" D "-a"),
          "the database has no path in the store '/nix/store', but '/nix/store2/" D
          "-a'; name the store that it is of with --store-dir" },
        { "delete from ValidPaths; " ADD(D "-a"),
          "the database has base names instead of full paths, '" D
          "-a' for one; use the Nix that made it, or a newer regd" },
        { "create table t (x int not null); alter table Refs add column x generated always as (1)",
          "db.sqlite: table Refs: column 'x' is generated; use the Nix that made it, or a newer "
          "regd" },
        { "drop table Refs; create table Refs (referrer integer not null, reference integer not null, x default (abs(1)), primary key (referrer, reference))",
          "db.sqlite: table Refs: column 'x' has a computed default; use the Nix that made "
          "it, or a newer regd" },
        { "create index x on Refs(abs(reference))",
          "db.sqlite: table Refs: index 'x' is of an expression; use the Nix that made it, or a "
          "newer regd" },
        { "create index x on Refs(reference) where reference > 1",
          "db.sqlite: table Refs: index 'x' is of some rows only; use the Nix that made it, or a "
          "newer regd" },
        { "drop table Refs; create view Refs as select 1 as referrer, 2 as reference",
          "db.sqlite: no such table column: Refs.referrer: it is not a finished Nix database; restore it, or move it and schema away and register again" },
        { "drop table Refs; create table Refs (referrer integer not null, reference integer not null)",
          "db.sqlite: table Refs: key 'referrer,reference' is not unique, as Nix makes it; use the "
          "Nix that made it, or a newer regd" },
        { "alter table ValidPaths rename column ca to ac",
          "db.sqlite: no such table column: ValidPaths.ca: it is not a finished Nix database; restore it, or move it and schema away and register again" },
        { "drop table Refs",
          "db.sqlite: no such table column: Refs.referrer: it is not a finished Nix database; restore it, or move it and schema away and register again" },
        { "drop table DerivationOutputs",
          "db.sqlite: no such table column: DerivationOutputs.drv: it is not a finished Nix database; restore it, or move it and schema away and register again" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct store store = open_store(&arena);
        check_about("%s", rows[i].sql);
        CHECK(unlinkat(check_directory(), "state/db/db.sqlite", 0) == 0 || i == 0);
        CHECK(unlinkat(check_directory(), "state/db/schema", 0) == 0 || i == 0);
        if (make_database(&store, ADD("/nix/store/" D "-z"), arena)) {
            run_sql(rows[i].sql, arena);
            check_both_refuse(&store, rows[i].sentence, arena);
        }
        close_store(&store);
    }
}

static void what_newer_nix_adds_is_accepted(struct arena arena)
{
    static const char *const additions[] = {
        "insert or ignore into SchemaMigrations values ('20220326-ca-derivations')",
        "insert or ignore into SchemaMigrations values ('20251017-ca-derivations')",
        "insert or ignore into SchemaMigrations values ('20241024-provenance')",
        "alter table ValidPaths add column provenance text",
        "create table Realisations (id integer)",
        "create index IndexReferrer on Refs(referrer)",
        "insert into SchemaMigrations values ('20990101-other')",
        "drop table SchemaMigrations",
        "pragma journal_mode = delete",
        "create table Other (x, y)",
        "create index OtherIndex on ValidPaths(hash)",
        "alter table ValidPaths add column other integer not null default 3",
    };
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    for (size_t i = 0; i < COUNT(additions); i++) {
        check_about("%s", additions[i]);
        run_sql(additions[i], arena);
        CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
        make_database(&store, "select 1", arena);
    }
}

static char last_warning[1024];

static void keep_warning(const void *context, const char *sentence)
{
    (void)context;
    snprintf(last_warning, sizeof last_warning, "%s", sentence);
}

/* The warning that opening the database gives when the SQL was run on it. */
static const char *warning_after(const char *sql, struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    store.warning = keep_warning;
    last_warning[0] = '\0';
    run_sql(sql, arena);
    CHECK_NUMBER(store_db_open_read(&store, &arena, &db, check_error), STORE_DB_FOUND);
    return last_warning;
}

static void what_is_not_known_is_named_in_one_warning(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK_STR(str_from(warning_after("insert into SchemaMigrations values ('20990101-other');"
                                     "create table Other (x); create table More (x);"
                                     "alter table Refs add column more;"
                                     "create index Hashes on ValidPaths(hash);",
                                     arena)),
              "the database has what regd does not know, index 'Hashes', column 'more', table "
              "'Other', table 'More', …: left alone");
}

static void rows_of_another_store_are_counted_in_one_warning(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK_STR(str_from(warning_after(ADD("/gnu/store/" D "-a") ADD(D "-a"), arena)),
              "2 of the database's paths are not in the store '/nix/store', '/gnu/store/" D
              "-a' for one; they are left alone");
}

static void a_trigger_that_is_not_known_is_refused_by_writers_alone(struct arena arena)
{
    struct store_db db;
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK_STR(
        str_from(warning_after("create trigger T after insert on Refs begin select 1; end", arena)),
        "the database has what regd does not know, trigger 'T': left alone");
    CHECK_REFUSED(store_db_open_write(&store, arena, &db, check_error),
                  "db.sqlite: the trigger 'T' on Refs is not known and would have to run, which "
                  "regd does not let it; register with the Nix that made it, or drop the trigger");
}

static void what_is_not_a_database_is_refused(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    char *garbage = arena_alloc(&arena, 1, 8192);
    memset(garbage, 'x', 8192);
    if (!make_database(&store, "", arena))
        return;
    put("db.sqlite", (struct str){ garbage, 8192 });
    check_both_refuse(&store,
                      "db.sqlite: file is not a database; restore it, or move it and its -wal and "
                      "-shm files away and register again",
                      arena);
    put("db.sqlite", STR(""));
    check_both_refuse(
        &store,
        "db.sqlite: no such table column: ValidPaths.id: it is not a finished Nix database; restore it, or move it and schema away and register again",
        arena);
}

static void a_file_in_place_of_the_directory_is_refused(struct arena arena)
{
    struct store_db db;
    cleanup(close_store) struct store store = open_store(&arena);
    CHECK(mkdirat(check_directory(), "state", 0755) == 0);
    CHECK(mknodat(check_directory(), "state/db", S_IFREG | 0644, 0) == 0);
    CHECK_REFUSED(store_db_find(&store, arena, check_error) != STORE_DB_FAILED,
                  "open /state/db/.: Not a directory");
    CHECK_REFUSED(store_db_open_write(&store, arena, &db, check_error),
                  "make the directory /state/db: Not a directory");
}

static void the_state_directory_may_be_reached_through_links(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    CHECK(mkdirat(check_directory(), "elsewhere", 0755) == 0);
    CHECK(symlinkat("/../elsewhere", check_directory(), "state") == 0);
    make_database(&store, ADD("/nix/store/" D "-a"), arena);
    CHECK_STR(names_in("elsewhere/db", &arena), " big-lock db.sqlite schema");
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    make_database(&store, ADD("/nix/store/" D "-b"), arena);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a /nix/store/" D "-b");
}

/* Root may write anywhere, so such cases run as somebody else. */
static void become(uid_t user)
{
    if (getuid() == 0)
        CHECK(seteuid(user) == 0);
}

enum { NOBODY = 65534 };

/* A read-only directory whose name has what a URI would take for its own. */
static void a_read_only_directory_is_read_and_not_changed(struct arena arena)
{
    cleanup(close_store) struct store store = { .root = -1 };
    CHECK_DONE(
        store_open(check_directory_path(), "/nix/store", "/a?b#c%41", &arena, &store, check_error));
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    CHECK(fchmodat(check_directory(), "a?b#c%41/db", 0555, 0) == 0);
    become(NOBODY);
    CHECK_STR(read_paths(&store, &arena), " /nix/store/" D "-a");
    struct store_db db;
    CHECK(!store_db_open_write(&store, arena, &db, check_error));
    become(0);
    CHECK_STR(names_in("a?b#c%41/db", &arena), " big-lock db.sqlite schema");
    CHECK(fchmodat(check_directory(), "a?b#c%41/db", 0755, 0) == 0);
}

static void a_left_over_log_is_not_overlooked_where_it_cannot_be_read(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    if (!make_database(&store, ADD("/nix/store/" D "-a"), arena))
        return;
    put("db.sqlite-wal", STR("changes that are not in the file yet"));
    CHECK(fchmodat(check_directory(), "state/db", 0555, 0) == 0);
    become(NOBODY);
    struct store_db db;
    CHECK_REFUSED(
        store_db_open_read(&store, &arena, &db, check_error) != STORE_DB_FAILED,
        "read db.sqlite-wal: it holds changes that only who may write can read; run as the "
        "owner of the database, or make its file system writable");
    become(0);
    CHECK(fchmodat(check_directory(), "state/db", 0755, 0) == 0);
}

static void wrong_sql_is_an_error_with_its_sentence(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *statement = NULL;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_REFUSED(store_db_run(&db, "nonsense", check_error),
                  "db.sqlite: near \"nonsense\": syntax error");
    CHECK_REFUSED(store_db_prepare(&db, "select x from y", &statement, check_error),
                  "db.sqlite: no such table: y");
    CHECK(statement == NULL);
    CHECK_DONE(store_db_prepare(&db, ADD("/nix/store/" D "-a"), &statement, check_error));
    CHECK_NUMBER(store_db_step(&db, statement, check_error), STORE_DB_ABSENT);
    sqlite3_reset(statement);
    CHECK_REFUSED(store_db_step(&db, statement, check_error) != STORE_DB_FAILED,
                  "db.sqlite: UNIQUE constraint failed: ValidPaths.path");
    store_db_finalize(&statement);
    CHECK(statement == NULL);
}

static void text_columns_are_slices_and_null_is_empty(struct arena arena)
{
    cleanup(close_store) struct store store = open_store(&arena);
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *row = NULL;
    CHECK_DONE(store_db_open_write(&store, arena, &db, check_error));
    CHECK_DONE(store_db_begin_new(&db, check_error));
    CHECK_DONE(
        store_db_prepare(&db, "select 'a' || char(0) || 'b', null, '', 12", &row, check_error));
    CHECK_NUMBER(store_db_step(&db, row, check_error), STORE_DB_FOUND);
    CHECK(str_equal(store_db_text(row, 0), STR("a\0b")));
    CHECK_NUMBER(store_db_text(row, 1).len, 0);
    CHECK_NUMBER(store_db_text(row, 2).len, 0);
    CHECK_STR(store_db_text(row, 3), "12");
    CHECK_NUMBER(store_db_step(&db, row, check_error), STORE_DB_ABSENT);
}

int main(void)
{
    return CHECK_ALL(
        CASE(where_nothing_is_nothing_is_found_or_made),
        CASE(a_new_database_is_invisible_until_committed), CASE(a_new_database_is_what_nix_expects),
        CASE(a_new_database_that_is_not_committed_disappears),
        CASE(what_a_killed_run_left_does_not_hinder),
        CASE(an_existing_database_is_changed_in_a_transaction),
        CASE(a_change_that_is_not_committed_is_undone),
        CASE(a_used_big_lock_has_the_database_made_in_place),
        CASE(an_unfinished_database_is_found_but_not_read),
        CASE(an_exclusive_holder_of_the_big_lock_is_waited_for),
        CASE(other_schema_versions_are_refused), CASE(a_schema_version_is_read_as_nix_reads_it),
        CASE(a_missing_database_that_should_be_there_is_refused),
        CASE(contents_that_are_not_ours_are_refused), CASE(what_newer_nix_adds_is_accepted),
        CASE(what_is_not_known_is_named_in_one_warning),
        CASE(rows_of_another_store_are_counted_in_one_warning),
        CASE(a_trigger_that_is_not_known_is_refused_by_writers_alone),
        CASE(what_is_not_a_database_is_refused), CASE(a_file_in_place_of_the_directory_is_refused),
        CASE(the_state_directory_may_be_reached_through_links),
        CASE(a_read_only_directory_is_read_and_not_changed),
        CASE(a_left_over_log_is_not_overlooked_where_it_cannot_be_read),
        CASE(wrong_sql_is_an_error_with_its_sentence),
        CASE(text_columns_are_slices_and_null_is_empty));
}
