/* sqlite_jail_index.c — the index of a write-ahead log, NAME-shm, shared by all processes that use
 * the database.
 *
 * The file is mapped once, at its maximal size; memory after its end is not touched before the file
 * has been extended. The first process that opens the file empties it, because it may be left over
 * from a crash. A process is the first if nobody holds the "dead man's switch": a lock that each
 * process holds for reading as long as it has the file open.
 */
#include "schema/database/sqlite_jail_index.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* The bytes that are locked, after the header of the index: see walformat.html and
 * src/os_unix.c. */
enum {
    LOCKS_OFFSET = (22 + SQLITE_SHM_NLOCK) * 4,
    SWITCH_OFFSET = LOCKS_OFFSET + SQLITE_SHM_NLOCK,
};

/* An emptied index is three bytes long, as SQLite makes it: too short for a header. */
enum { EMPTIED_BYTES = 3, STEP_BYTES = 4096 };

enum { INDEX_NAME_BYTES = sizeof((struct sqlite_jail *)NULL)->name + 8 };

static const char *index_name(const struct jail_file *file, char name[static INDEX_NAME_BYTES])
{
    snprintf(name, INDEX_NAME_BYTES, "%s-shm", file->jail->name);
    return name;
}

static int take_switch(struct jail_file *file)
{
    char name[INDEX_NAME_BYTES];
    struct jail_index *index = &file->index;
    short type;
    int code = jail_look_at_lock(index->fd, SWITCH_OFFSET, &type);
    if (code != SQLITE_OK)
        return code;
    if (type == F_WRLCK)
        return SQLITE_BUSY;
    index->is_waiting = type == F_UNLCK && index->is_read_only;
    if (index->is_waiting)
        return SQLITE_READONLY_CANTINIT;
    if (type == F_UNLCK) {
        code = jail_lock(index->fd, F_WRLCK, SWITCH_OFFSET, 1, SQLITE_IOERR_LOCK);
        if (code == SQLITE_OK && ftruncate(index->fd, EMPTIED_BYTES) < 0) {
            error_errno(&file->jail->refused, errno, "empty %s", index_name(file, name));
            code = SQLITE_IOERR_SHMOPEN;
        }
    }
    return code == SQLITE_OK ? jail_lock(index->fd, F_RDLCK, SWITCH_OFFSET, 1, SQLITE_IOERR_LOCK)
                             : code;
}

static int open_index(struct jail_file *file)
{
    char name[INDEX_NAME_BYTES];
    struct jail_index *index = &file->index;
    int fd = jail_open_part(file->jail, index_name(file, name), O_RDWR | O_CREAT);
    index->is_read_only = fd == -EACCES || fd == -EROFS || fd == -EPERM;
    if (index->is_read_only)
        fd = jail_open_part(file->jail, name, O_RDONLY);
    if (fd < 0)
        return jail_open_failed(fd);
    index->fd = fd;
    int code = take_switch(file);
    if (code != SQLITE_OK && code != SQLITE_READONLY_CANTINIT)
        jail_index_unmap(&file->base, 0);
    return code;
}

off_t jail_index_bytes(off_t end, size_t page_bytes)
{
    off_t page = page_bytes > STEP_BYTES ? (off_t)page_bytes : STEP_BYTES;
    return (end + page - 1) / page * page;
}

/* Extends the file by writing one byte to each page, so that a full disk is noticed here. */
static int extend_file(const struct jail_file *file, off_t size, off_t wanted)
{
    char name[INDEX_NAME_BYTES];
    const struct file index = { file->index.fd, index_name(file, name) };
    for (off_t page = size / STEP_BYTES; page < wanted / STEP_BYTES; page++)
        if (!file_write_at(index, "", 1, (uint64_t)(page * STEP_BYTES + STEP_BYTES - 1),
                           &file->jail->refused))
            return SQLITE_IOERR_SHMSIZE;
    return SQLITE_OK;
}

static int map_memory(struct jail_file *file)
{
    char name[INDEX_NAME_BYTES];
    struct jail_index *index = &file->index;
    if (index->memory)
        return SQLITE_OK;
    int protection = index->is_read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void *memory = mmap(NULL, SQLITE_JAIL_INDEX_BYTES_MAX, protection, MAP_SHARED, index->fd, 0);
    if (memory == MAP_FAILED) {
        error_errno(&file->jail->refused, errno, "map %s", index_name(file, name));
        return SQLITE_IOERR_SHMMAP;
    }
    index->memory = memory;
    return SQLITE_OK;
}

int jail_index_map(sqlite3_file *base, int region, int region_bytes, int extend,
                   void volatile **ret_memory)
{
    struct jail_file *file = (struct jail_file *)base;
    struct jail_index *index = &file->index;
    struct stat status;
    int code = SQLITE_OK;
    *ret_memory = NULL;
    if (index->fd < 0)
        code = open_index(file);
    else if (index->is_waiting)
        code = take_switch(file);
    if (code != SQLITE_OK)
        return code;
    off_t begin = (off_t)region * region_bytes, end = begin + region_bytes;
    if (end > SQLITE_JAIL_INDEX_BYTES_MAX || fstat(index->fd, &status) < 0)
        return SQLITE_IOERR_SHMSIZE;
    bool is_there = status.st_size >= end;
    if (!is_there && extend)
        code =
            extend_file(file, status.st_size, jail_index_bytes(end, (size_t)sysconf(_SC_PAGESIZE)));
    if (code == SQLITE_OK && (is_there || extend))
        code = map_memory(file);
    if (code != SQLITE_OK)
        return code;
    if (index->memory && (is_there || extend))
        *ret_memory = index->memory + begin;
    return index->is_read_only ? SQLITE_READONLY : SQLITE_OK;
}

int jail_index_lock(sqlite3_file *base, int first, int count, int flags)
{
    const struct jail_file *file = (const struct jail_file *)base;
    assert(first >= 0 && first + count <= SQLITE_SHM_NLOCK);
    if (file->index.fd < 0)
        return SQLITE_IOERR_SHMLOCK;
    short type = F_WRLCK;
    if (flags & SQLITE_SHM_UNLOCK)
        type = F_UNLCK;
    else if (flags & SQLITE_SHM_SHARED)
        type = F_RDLCK;
    return jail_lock(file->index.fd, type, LOCKS_OFFSET + first, count, SQLITE_IOERR_SHMLOCK);
}

void jail_index_barrier(sqlite3_file *base)
{
    (void)base;
    atomic_thread_fence(memory_order_seq_cst);
}

int jail_index_unmap(sqlite3_file *base, int remove)
{
    struct jail_file *file = (struct jail_file *)base;
    struct jail_index *index = &file->index;
    char name[sizeof file->jail->name + 8];
    if (index->memory)
        munmap((void *)index->memory, SQLITE_JAIL_INDEX_BYTES_MAX);
    snprintf(name, sizeof name, "%s-shm", file->jail->name);
    if (remove && index->fd >= 0)
        unlinkat(file->jail->place.directory, name, 0);
    own_close(&index->fd);
    *index = (struct jail_index){ .fd = -1 };
    return SQLITE_OK;
}
