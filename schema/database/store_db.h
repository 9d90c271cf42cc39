/* store_db.h — the database of a Nix store: STATE_DIR/db.
 *
 * Shape    db.sqlite  SQLite 3; the tables are in store.sql
 *          schema     the version, "10", without '\n'; absent or "0": it is not finished
 *          big-lock   flock'ed: shared by whoever uses the database, exclusively by whoever changes
 *                     its schema or makes it
 * Source   Nix, src/libstore/local-store.cc, LocalStore::LocalStore (2.8.0). The schema version has
 *          been 10 since 2.0, and newer Nix says not to raise it.
 * Refused  Versions other than 10, tables that are not those that we know (store_db_shape.h), a
 *          database of another store, files that SQLite cannot read, and those that make it work
 *          without end (store_db_guard.h): with a sentence that says what to do, and the database is
 *          not touched.
 * Warned   of: migrations, tables, columns and indexes that are not known and do not matter, and rows
 *          of another store. They are left alone.
 */
#pragma once

#include "schema/base/file.h"
#include "schema/database/sqlite.h"
#include "schema/nix/store.h"

#define STORE_SCHEMA_VERSION "10"
enum { STORE_SCHEMA_NUMBER = 10 };

#define STORE_DB_NAME        "db.sqlite"
#define STORE_DB_SCHEMA_NAME "schema"

/* How long to wait for locks that other processes hold. */
enum { STORE_DB_WAIT_MS = 5 * 60 * 1000 };

struct sqlite_jail;

/* What SQLite may still use; see store_db_guard.h. */
struct store_db_budget {
    sqlite3 *connection;
    uint64_t units;      /* of work */
    uint64_t bytes;      /* of SQLite's memory, in all */
    uint64_t text_bytes; /* of rows that are kept */
    bool is_spent;
};

struct store_db {
    const struct store *store; /* borrowed */
    int directory;             /* STATE_DIR/db; owned */
    int lock; /* big-lock, held; owned; -1 where only reading and not allowed to open it */
    sqlite3 *sqlite;
    struct sqlite_jail *jail;       /* of `sqlite`; owned */
    struct store_db_budget *budget; /* of the open connection; owned */
    bool is_writable;
    bool is_finished;    /* an existing one that has its schema file */
    bool is_new;         /* open for writing, and nothing of it is visible yet */
    struct draft draft;  /* of a new database */
    struct draft schema; /* of its schema file */
};

#define STORE_DB_CLOSED \
    ((struct store_db){ \
        .directory = -1, .lock = -1, .draft = { .fd = -1 }, .schema = { .fd = -1 } })

enum store_db_answer {
    STORE_DB_FAILED, /* `error` is set */
    STORE_DB_ABSENT, /* there is no database; or: there is no further row */
    STORE_DB_FOUND,
    STORE_DB_ODD, /* the row is there, and cannot be used: `error` says why */
};

/* Is there a database, finished or not? An empty file without `schema`, which a program leaves that
 * was killed before its first write, is none. */
enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error);

/* Opens an existing database to read one state of it, whatever others write meanwhile. Works for
 * users who may not write and on a read-only disk: there a statement fails if another changes the file
 * meanwhile. Its rows are never changed. */
enum store_db_answer store_db_open_read(const struct store *store, struct arena *arena,
                                        struct store_db *ret_db, struct error *error);

/* Opens the database to change it.
 *
 * If there is none and nobody uses the big lock, a new one is started under a temporary name, with
 * the big lock held exclusively: is_new, and the caller fills it, either as a file (draft.fd, by
 * store_file.h) or after store_db_begin_new with SQL. Otherwise the existing one is opened (or made
 * in place, as Nix does it) with the big lock held shared, and the write transaction is begun.
 * Waits for others at most STORE_DB_WAIT_MS. */
must_check bool store_db_open_write(const struct store *store, struct arena scratch,
                                    struct store_db *ret_db, struct error *error);

/* Opens a new database in SQLite: with its tables, without indexes, journal or syncing, in a
 * transaction. */
must_check bool store_db_begin_new(struct store_db *db, struct error *error);

/* Commits. A new database (one begun with SQL gets its indexes first) becomes visible with its
 * `schema`, and is closed; on failure there is neither. Where an existing one lacked `schema`, it is
 * written last. */
must_check bool store_db_commit(struct store_db *db, struct error *error);

/* Closes it; what was not committed is undone, a new one disappears. For `cleanup`. */
void store_db_close(struct store_db *db);

/* The sentence for what SQLite refused; false. */
bool store_db_refused(const struct store_db *db, const char *what, struct error *error);

/* Runs SQL that returns nothing. */
must_check bool store_db_run(const struct store_db *db, const char *sql, struct error *error);

/* Prepares one statement. Finalise it with store_db_finalize, which is for `cleanup`. */
must_check bool store_db_prepare(const struct store_db *db, const char *sql,
                                 sqlite3_stmt **ret_statement, struct error *error);
void store_db_finalize(sqlite3_stmt **statement);

/* Steps a statement: FOUND, a row is there; ABSENT, it is done. */
enum store_db_answer store_db_step(const struct store_db *db, sqlite3_stmt *statement,
                                   struct error *error);

/* A text column as a slice, valid until the statement is stepped or reset; null gives the empty
 * slice. */
struct str store_db_text(sqlite3_stmt *statement, int column);

/* So many rows will be looked up or added: SQLite may work for them. */
void store_db_allow(const struct store_db *db, size_t rows);

/* So many bytes of a row are kept. Refuses more than the database can have. */
must_check bool store_db_charge(const struct store_db *db, size_t text_bytes, struct error *error);

/* The sentence for a database that asks for more than its size explains; false. */
bool store_db_overdrawn(struct error *error);
