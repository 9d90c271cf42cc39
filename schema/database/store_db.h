/* store_db.h — the database of a Nix store: STATE_DIR/db.
 *
 * Shape    db.sqlite  SQLite 3; the tables are in store.sql
 *          schema     the version, "10", without '\n'; absent or "0": it is not finished
 *          big-lock   locked with flock: shared to use the database, exclusively to create it or to
 *                     change its schema
 * Source   Nix, src/libstore/local-store.cc, LocalStore::LocalStore (2.8.0). The schema version has
 *          been 10 since 2.0; a comment in newer Nix says that it should not be raised.
 * Refused  Versions other than 10, tables of another shape (store_db_shape.h), a database of
 *          another store, files that SQLite cannot read, and those that would keep it busy forever
 *          (store_db_guard.h). The sentence says what to do; the database is not touched.
 * Warned   of: unknown migrations, tables, columns and indexes that do no harm, and rows without
 *          a legal path in the store. They are left alone.
 */
#pragma once

#include "schema/base/draft.h"
#include "schema/database/sqlite.h"
#include "schema/nix/store.h"

#define STORE_SCHEMA_VERSION "10"
enum { STORE_SCHEMA_NUMBER = 10 };

#define STORE_DB_NAME        "db.sqlite"
#define STORE_DB_SCHEMA_NAME "schema"

/* How long to wait for locks of other processes. */
enum { STORE_DB_WAIT_MS = 5 * 60 * 1000 };

struct sqlite_jail;

/* What SQLite may still spend; see store_db_guard.h. */
struct store_db_budget {
    sqlite3 *connection;
    uint64_t units;      /* of work */
    uint64_t bytes;      /* limit of SQLite's memory */
    uint64_t text_bytes; /* of rows that are kept */
    bool is_spent;
};

struct store_db {
    const struct store *store; /* borrowed */
    int directory;             /* STATE_DIR/db; owned */
    int lock;                  /* big-lock, held; owned; -1 if a reader may not open it */
    sqlite3 *sqlite;
    struct sqlite_jail *jail;       /* of `sqlite`; owned */
    struct store_db_budget *budget; /* of the open connection; owned */
    bool is_writable;
    bool is_finished;    /* it existed and has its schema file */
    bool is_new;         /* it is being created, and not visible yet */
    struct draft draft;  /* the file of a new database */
    struct draft schema; /* the schema file of a new database */
};

#define STORE_DB_CLOSED \
    ((struct store_db){ \
        .directory = -1, .lock = -1, .draft = { .fd = -1 }, .schema = { .fd = -1 } })

enum store_db_answer {
    STORE_DB_FAILED, /* `error` is set */
    STORE_DB_ABSENT, /* there is no database; or: no further row */
    STORE_DB_FOUND,
    STORE_DB_ODD, /* the row exists but cannot be used; `error` says why */
};

/* Is there a database, finished or not? An empty file without `schema` does not count: a program
 * left it that was killed before its first write. */
enum store_db_answer store_db_find(const struct store *store, struct arena scratch,
                                   struct error *error);

/* Opens an existing database to read a snapshot of it, whatever other processes write meanwhile.
 * Works also without write permission and on a read-only disk; in these cases a statement fails if
 * another process changes the file meanwhile. Rows are never changed. */
enum store_db_answer store_db_open_read(const struct store *store, struct arena *arena,
                                        struct store_db *ret_db, struct error *error);

/* Opens the database to change it.
 *
 * If there is none and no other process holds the big lock, takes the lock exclusively and starts a
 * new database under a temporary name. Then is_new is set, and the caller fills the database,
 * either as a file (draft.fd, store_file.h), or with SQL after store_db_begin_new. Otherwise takes
 * the lock shared, opens the existing database (or creates it in place, as Nix does), and begins
 * the write transaction. Waits for other processes at most STORE_DB_WAIT_MS. */
must_check bool store_db_open_write(const struct store *store, struct arena scratch,
                                    struct store_db *ret_db, struct error *error);

/* Opens a new database in SQLite, creates its tables, and begins a transaction. There are no
 * indexes yet, and no journal or sync is used. */
must_check bool store_db_begin_new(struct store_db *db, struct error *error);

/* Commits. A new database gets its indexes (unless it was written as a file), is published with its
 * `schema`, and is closed; on failure neither is there. If an existing database lacked `schema`,
 * that is written last. */
must_check bool store_db_commit(struct store_db *db, struct error *error);

/* Closes the database. Changes that were not committed are undone, and a new database that was not
 * committed is deleted. For `cleanup`. */
void store_db_close(struct store_db *db);

/* Sets the sentence for SQLite's last error. Returns false. */
bool store_db_refused(const struct store_db *db, const char *what, struct error *error);

/* Runs SQL that returns no rows. */
must_check bool store_db_run(const struct store_db *db, const char *sql, struct error *error);

/* Prepares one statement. Finalise it with store_db_finalize, which is for `cleanup`. */
must_check bool store_db_prepare(const struct store_db *db, const char *sql,
                                 sqlite3_stmt **ret_statement, struct error *error);
void store_db_finalize(sqlite3_stmt **statement);

/* Sets a parameter, which would be null if this failed for lack of memory. The text must stay until the
 * statement is reset or finalised. */
must_check bool store_db_bind(const struct store_db *db, sqlite3_stmt *statement, int parameter,
                              struct str text, struct error *error);

/* Steps a statement. FOUND: there is a row; ABSENT: the statement is done. */
enum store_db_answer store_db_step(const struct store_db *db, sqlite3_stmt *statement,
                                   struct error *error);

/* Returns a text column as a slice, which is valid until the statement is stepped or reset. NULL
 * gives the empty slice. */
struct str store_db_text(sqlite3_stmt *statement, int column);

/* Raises the budget for `rows` rows that will be looked up or added. */
void store_db_allow(const struct store_db *db, size_t rows);

/* Counts bytes of a row that are kept in memory. Fails if they are more than the database can
 * contain. */
must_check bool store_db_charge(const struct store_db *db, size_t text_bytes, struct error *error);

/* Sets the sentence for a database that exceeds the budget of its size. Returns false. */
bool store_db_overdrawn(struct error *error);
