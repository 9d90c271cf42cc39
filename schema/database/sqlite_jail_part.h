/* sqlite_jail_part.h — opening and locking the files of a jail; private to sqlite_jail*.c.
 */
#pragma once

#include "schema/database/sqlite_jail.h"

#include <sys/stat.h>

struct sqlite_jail {
    sqlite3_vfs vfs;
    struct sqlite_jail_place place;
    char name[256];
    struct stat database; /* its owner and mode are given to the other files */
    struct error refused; /* what was refused first; empty: nothing */
};

/* The index of a write-ahead log, NAME-shm, which each process that uses the database maps. */
struct jail_index {
    int fd; /* owned; -1: not open */
    bool is_read_only;
    bool is_waiting;       /* read-only, and no process with write access has initialised it yet */
    volatile char *memory; /* a mapping of SQLITE_JAIL_INDEX_BYTES_MAX; the file may be shorter */
};

struct jail_file {
    sqlite3_file base; /* first, so that SQLite's pointer is ours */
    struct sqlite_jail *jail;
    int fd;             /* owned */
    bool is_new_name;   /* the next sync also syncs the directory */
    int lock;           /* SQLITE_LOCK_… */
    struct stat before; /* if is_still: the file's status when it was locked */
    struct jail_index index;
};

/* An index takes 32 KiB for each 4096 pages of the log. */
enum { SQLITE_JAIL_INDEX_BYTES_MAX = 32 << 20 };

/* Opens a file of the jail; `name` must be one of its names. Returns the negative errno value on
 * failure. */
int jail_open_part(struct sqlite_jail *jail, const char *name, int flags);

/* Returns SQLite's code for that value: SQLITE_CANTOPEN for a failure that may be temporary,
 * SQLITE_PERM for a file that somebody put there to do harm; SQLite does not try that again. */
int jail_open_failed(int code);

/* Sets or removes (F_UNLCK) a lock of a file. `failed` is the code for a failure other than a
 * conflict, which is SQLITE_BUSY. */
int jail_lock(int fd, short type, off_t start, off_t length, int failed);

/* Finds out which lock of another process conflicts with a write lock. *ret_type is F_UNLCK if none
 * does. */
int jail_look_at_lock(int fd, off_t start, short *ret_type);
