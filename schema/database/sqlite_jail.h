/* sqlite_jail.h — restricts SQLite's file access to the files of one database in one directory.
 *
 * A database may come from a disk that anybody could have written, but SQLite trusts it. A rollback
 * journal can name another file, a "super-journal", which SQLite reads and deletes wherever it is.
 * A path is resolved at each open, so an attacker who replaces a directory by a link in between
 * leads SQLite to another database.
 *
 * So SQLite uses a file layer of ours (a "VFS") that has no paths. The layer has the descriptor of
 * a directory and the name of the database, and opens
 *
 *     NAME  NAME-journal  NAME-wal  NAME-shm
 *
 * relative to it. They must be regular files with one hard link; links, pipes and devices are
 * refused (file_open_regular). No other name can be opened, looked at or deleted; a journal that
 * contains one is refused. Extensions cannot be loaded, and other databases cannot be attached,
 * because the layer is registered with SQLite only while the database is opened. Temporary files
 * are unnamed files in the directory (O_TMPFILE), or in memory if its file system does not support
 * that.
 *
 * Why is this layer not built on SQLite's own? That one opens files by path, and opens -shm without
 * asking any layer above it. Paths in /proc/self/fd would need /proc, and their target could be
 * replaced between check and open.
 *
 * Locks    The same byte ranges as in SQLite's own layer, which Nix uses: SQLite, src/os_unix.c and
 *          www.sqlite.org/lockingv3.html, www.sqlite.org/walformat.html#locks. They are locks of
 *          the open file description (F_OFD_SETLK, Linux 3.15): these conflict with the usual locks
 *          of a process, but are not lost when the process closes another descriptor of the file.
 * Limits   A write-ahead log of 16 GiB (SQLITE_JAIL_INDEX_BYTES_MAX).
 */
#pragma once

#include "schema/database/sqlite.h"

struct sqlite_jail; /* lives until sqlite_jail_free */

struct sqlite_jail_place {
    int directory;    /* the directory of the files; borrowed until sqlite_jail_free */
    const char *name; /* the database's name; one component, copied */
    int draft;        /* of a new database, which has no journal and no log; borrowed; or -1 */

    /* The database is only read, and the files of a write-ahead log cannot be created. If there is
     * no log, the database file is complete, and SQLite is made to believe that it uses none (bytes
     * 18 and 19 of the header are read as 1). This is right as long as nobody changes the file,
     * which is checked after each read; if it has changed, the read fails with SQLITE_BUSY. */
    bool is_still;
};

/* Opens the database; `flags` are those of sqlite3_open_v2. The library must have been loaded.
 * *ret_jail and *ret_database are also set on failure; they are null only if memory is
 * exhausted. */
int sqlite_jail_open(const struct sqlite_jail_place *place, int flags,
                     struct sqlite_jail **ret_jail, sqlite3 **ret_database);

/* Frees the jail. The connection must have been closed before. */
void sqlite_jail_free(struct sqlite_jail *jail);

/* Fails if the layer has refused something since it was created, and sets a sentence that says
 * what, because SQLite has only a code for it. */
must_check bool sqlite_jail_check(const struct sqlite_jail *jail, struct error *error);
