/* sqlite_jail.h — all that SQLite may touch of a disk: one directory, and in it the files of one database.
 *
 * A database may come from a disk that anybody wrote, and SQLite believes it. A rollback journal can name
 * a further file, a "super-journal", which SQLite looks at and deletes wherever it is. A path is resolved
 * at each open, so whoever exchanges a directory for a link meanwhile leads SQLite to another database.
 *
 * So SQLite gets a layer for files (a "VFS") that has no paths. It has a directory descriptor and the
 * database's name, and opens
 *
 *     NAME  NAME-journal  NAME-wal  NAME-shm
 *
 * relative to it: regular files with one name only, neither links nor what blocks (file_open_regular). Any other
 * name cannot be opened, looked at or deleted; a journal that holds one is refused. Extensions cannot be
 * loaded, other databases not attached: SQLite knows the layer by name only while it opens. Temporary
 * files have no name: in the directory, or in memory where its file system cannot do that.
 *
 * Why not SQLite's own layer beneath this one? It opens by path, also -shm, of which it tells nobody. A path
 * through /proc/self/fd would need /proc, and what it leads to could be exchanged between look and open.
 *
 * Locks    Those of SQLite's own layer, byte for byte, as Nix uses it: SQLite, src/os_unix.c and
 *          www.sqlite.org/lockingv3.html, www.sqlite.org/walformat.html#locks. They are taken as locks of
 *          the open file (F_OFD_SETLK, Linux 3.15): these exclude a process's locks and are excluded by
 *          them, but are not lost when the process closes another descriptor of the file.
 * Limits   A write-ahead log of 16 GiB (SQLITE_JAIL_INDEX_BYTES_MAX).
 */
#pragma once

#include "schema/database/sqlite.h"

struct sqlite_jail; /* lives until sqlite_jail_free */

struct sqlite_jail_place {
    int directory;    /* where the files are; borrowed until sqlite_jail_free */
    const char *name; /* of the database; one component, copied */
    int draft; /* the open database, which then has neither journal nor log; borrowed; or -1 */

    /* Only read, where the files of a write-ahead log cannot be made. If there is no log, the database is
     * complete without; SQLite is told that it has none (bytes 18 and 19 of the header are read as 1). That
     * holds as long as nobody changes the file, which is looked at after each read: SQLITE_BUSY. */
    bool is_still;
};

/* Opens the database; `flags` are sqlite3_open_v2's. *ret_jail is set in any case, null where there is no
 * memory; so is *ret_database, as sqlite3_open_v2 does it. The library has been loaded. */
int sqlite_jail_open(const struct sqlite_jail_place *place, int flags,
                     struct sqlite_jail **ret_jail, sqlite3 **ret_database);

/* After the connection has been closed. */
void sqlite_jail_free(struct sqlite_jail *jail);

/* What was refused since the jail was made, which SQLite has no words for: false, and the sentence. True
 * if nothing was. */
must_check bool sqlite_jail_check(const struct sqlite_jail *jail, struct error *error);
