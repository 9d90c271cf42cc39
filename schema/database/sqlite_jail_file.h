/* sqlite_jail_file.h — an open file of a jail, for sqlite_jail.c, sqlite_jail_file.c and
 * sqlite_jail_index.c alone.
 */
#pragma once

#include "schema/database/sqlite_jail.h"

#include <sys/stat.h>

struct sqlite_jail {
    sqlite3_vfs vfs;
    struct sqlite_jail_place place;
    char name[256];
    struct stat database; /* whose owner and mode the other files get */
    struct error refused; /* empty: nothing */
};

/* The index of a write-ahead log, which all who use the database map: NAME-shm. */
struct jail_index {
    int fd; /* owned; -1: not open */
    bool is_read_only;
    bool is_waiting; /* read-only, and nobody who may write has made it yet */
    volatile char
        *memory; /* SQLITE_JAIL_INDEX_BYTES_MAX of address space; the file may be shorter */
};

struct jail_file {
    sqlite3_file base; /* first, so that SQLite's pointer is ours */
    struct sqlite_jail *jail;
    int fd;             /* owned */
    bool is_new_name;   /* the next sync makes the directory's names durable, too */
    int lock;           /* SQLITE_LOCK_… */
    struct stat before; /* still: the file when it was locked */
    struct jail_index index;
};

/* An index has 32 KiB for each 4096 pages of the log. */
enum { SQLITE_JAIL_INDEX_BYTES_MAX = 32 << 20 };

extern const sqlite3_io_methods jail_file_methods;

/* Opens a file of the jail by a name that is one of its own; the negative errno value on failure. */
int jail_open_part(struct sqlite_jail *jail, const char *name, int flags);

/* SQLite's code for that value: SQLITE_CANTOPEN may pass; what was put there to harm is SQLITE_PERM and
 * not asked for again. */
int jail_open_failed(int code);

/* Sets a lock of a file, or removes it (F_UNLCK); `failed` is the code for what is not "busy". */
int jail_lock(int fd, short type, off_t start, off_t length, int failed);

/* Would a lock for writing collide with one of another? *ret_type is F_UNLCK if not. */
int jail_look_at_lock(int fd, off_t start, short *ret_type);

/* See sqlite3_io_methods. */
int jail_index_map(sqlite3_file *base, int region, int region_bytes, int extend,
                   void volatile **ret_memory);
int jail_index_lock(sqlite3_file *base, int first, int count, int flags);
void jail_index_barrier(sqlite3_file *base);
int jail_index_unmap(sqlite3_file *base, int remove);
