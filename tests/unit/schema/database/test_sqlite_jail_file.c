#include "tests/check.h"
#include "tests/check_calls.h"

#include "schema/base/own.h"
#include "schema/database/sqlite_jail_file.h"

#include <fcntl.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A file "db" of the test directory, open as SQLite would have it. */
struct opened {
    struct sqlite_jail jail;
    struct jail_file file;
};

static void open_file(struct opened *opened)
{
    *opened = (struct opened){
        .jail = { .place = { .directory = check_directory(), .draft = -1 }, .name = "db" },
        .file = { .base = { &jail_file_methods },
                  .jail = &opened->jail,
                  .fd = openat(check_directory(), "db", O_RDWR | O_CREAT | O_CLOEXEC, 0644),
                  .index = { .fd = -1 } },
    };
    CHECK(opened->file.fd >= 0);
}

static void close_file(struct opened *opened)
{
    CHECK_NUMBER(jail_file_methods.xClose(&opened->file.base), SQLITE_OK);
    CHECK_NUMBER(opened->file.fd, -1);
}

static int lock(struct opened *opened, int wanted)
{
    return jail_file_methods.xLock(&opened->file.base, wanted);
}

static int unlock(struct opened *opened, int wanted)
{
    return jail_file_methods.xUnlock(&opened->file.base, wanted);
}

static bool is_reserved(struct opened *opened)
{
    int reserved = -1;
    CHECK_NUMBER(jail_file_methods.xCheckReservedLock(&opened->file.base, &reserved), SQLITE_OK);
    return reserved;
}

static void a_writer_goes_through_the_locks_and_back(void)
{
    struct opened one, two;
    open_file(&one);
    open_file(&two);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK(!is_reserved(&one) && !is_reserved(&two));
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_RESERVED), SQLITE_OK);
    CHECK(is_reserved(&one) && is_reserved(&two));
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
    /* Another still reads: nobody else may begin to. */
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
    CHECK_NUMBER(one.file.lock, SQLITE_LOCK_PENDING);
    CHECK_NUMBER(unlock(&two, SQLITE_LOCK_NONE), SQLITE_OK);
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_SHARED), SQLITE_BUSY);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK_NUMBER(one.file.lock, SQLITE_LOCK_EXCLUSIVE);
    CHECK_NUMBER(unlock(&one, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK(!is_reserved(&one));
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK_NUMBER(unlock(&one, SQLITE_LOCK_NONE), SQLITE_OK);
    CHECK_NUMBER(unlock(&one, SQLITE_LOCK_NONE), SQLITE_OK);
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_RESERVED), SQLITE_OK);
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_SHARED), SQLITE_BUSY);
    close_file(&two);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_SHARED), SQLITE_OK);
    close_file(&one);
}

/* Who replays a journal locks at once, and is shared again where that fails. */
static void from_shared_to_exclusive_there_is_no_pending(void)
{
    struct opened one, two;
    open_file(&one);
    open_file(&two);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK_NUMBER(lock(&two, SQLITE_LOCK_SHARED), SQLITE_OK);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
    CHECK_NUMBER(one.file.lock, SQLITE_LOCK_SHARED);
    close_file(&two);
    CHECK_NUMBER(lock(&one, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    close_file(&one);
}

static void what_is_behind_the_end_is_zero(void)
{
    char data[8];
    struct opened opened;
    sqlite3_int64 size = -1;
    open_file(&opened);
    CHECK_NUMBER(jail_file_methods.xWrite(&opened.file.base, "abcd", 4, 2), SQLITE_OK);
    CHECK_NUMBER(jail_file_methods.xFileSize(&opened.file.base, &size), SQLITE_OK);
    CHECK_NUMBER(size, 6);
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, data, 6, 0), SQLITE_OK);
    CHECK(memcmp(data, "\0\0abcd", 6) == 0);
    memset(data, 'x', sizeof data);
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, data, 8, 4), SQLITE_IOERR_SHORT_READ);
    CHECK(memcmp(data, "cd\0\0\0\0\0\0", 8) == 0);
    CHECK_NUMBER(jail_file_methods.xTruncate(&opened.file.base, 3), SQLITE_OK);
    CHECK_NUMBER(jail_file_methods.xFileSize(&opened.file.base, &size), SQLITE_OK);
    CHECK_NUMBER(size, 3);
    close_file(&opened);
}

static void a_still_file_has_no_log_and_must_not_change(void)
{
    char header[100] = { 0 };
    struct opened opened;
    struct timespec old[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    open_file(&opened);
    opened.jail.place.is_still = true;
    header[18] = header[19] = 2;
    CHECK_NUMBER(jail_file_methods.xWrite(&opened.file.base, header, sizeof header, 0), SQLITE_OK);
    CHECK(futimens(opened.file.fd, old) == 0);
    while (lock(&opened, SQLITE_LOCK_SHARED) == SQLITE_BUSY)
        ; /* what was changed within this step of the clock is busy */
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, header, sizeof header, 0), SQLITE_OK);
    CHECK(header[18] == 1 && header[19] == 1);
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, header, 1, 19), SQLITE_OK);
    CHECK_NUMBER(header[0], 1);
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, header, 18, 0), SQLITE_OK);
    CHECK_NUMBER(header[17], 0);
    CHECK(futimens(opened.file.fd, NULL) == 0);
    CHECK_NUMBER(jail_file_methods.xRead(&opened.file.base, header, 1, 0), SQLITE_BUSY);
    CHECK_REFUSED(sqlite_jail_check(&opened.jail, check_error),
                  "read db: another process changed it meanwhile; try again");
    close_file(&opened);
}

static void a_file_that_was_replaced_has_moved(void)
{
    int has_moved = -1, value = 0;
    struct opened opened;
    open_file(&opened);
    CHECK_NUMBER(
        jail_file_methods.xFileControl(&opened.file.base, SQLITE_FCNTL_HAS_MOVED, &has_moved),
        SQLITE_OK);
    CHECK_NUMBER(has_moved, 0);
    CHECK(renameat(check_directory(), "db", check_directory(), "elsewhere") == 0);
    CHECK_NUMBER(
        jail_file_methods.xFileControl(&opened.file.base, SQLITE_FCNTL_HAS_MOVED, &has_moved),
        SQLITE_OK);
    CHECK_NUMBER(has_moved, 1);
    CHECK_NUMBER(jail_file_methods.xFileControl(&opened.file.base, SQLITE_FCNTL_CHUNK_SIZE, &value),
                 SQLITE_NOTFOUND);
    close_file(&opened);
}

static void a_new_name_is_made_durable_once(void)
{
    struct opened opened;
    open_file(&opened);
    opened.file.is_new_name = true;
    check_calls_fail(2);
    CHECK_NUMBER(jail_file_methods.xSync(&opened.file.base, 0), SQLITE_IOERR_DIR_FSYNC);
    CHECK(check_calls_end() && opened.file.is_new_name);
    CHECK_NUMBER(jail_file_methods.xSync(&opened.file.base, 0), SQLITE_OK);
    CHECK(!opened.file.is_new_name);
    check_calls_fail(2);
    CHECK_NUMBER(jail_file_methods.xSync(&opened.file.base, 0), SQLITE_OK);
    CHECK(!check_calls_end());
    close_file(&opened);
}

/* What each call of the system that fails is for SQLite, and that no lock is left behind. */
static void each_call_that_fails_has_its_code(void)
{
    char byte = 0;
    int reserved;
    short type;
    sqlite3_int64 size;
    struct opened opened, other;
    open_file(&opened);
    open_file(&other);
    sqlite3_file *base = &opened.file.base;
#define FAILS(call, code)     \
    check_calls_fail(1);      \
    CHECK_NUMBER(call, code); \
    CHECK(check_calls_end())
    FAILS(jail_file_methods.xRead(base, &byte, 1, 0), SQLITE_IOERR_READ);
    CHECK_STR(opened.jail.refused.sentence, "read db or its journal: Input/output error");
    FAILS(jail_file_methods.xWrite(base, &byte, 1, 0), SQLITE_IOERR_WRITE);
    CHECK_STR(opened.jail.refused.sentence, "write db or its journal: Input/output error");
    FAILS(jail_file_methods.xTruncate(base, 0), SQLITE_IOERR_TRUNCATE);
    CHECK_STR(opened.jail.refused.sentence, "cut db or its journal: Input/output error");
    FAILS(jail_file_methods.xSync(base, 0), SQLITE_IOERR_FSYNC);
    CHECK_STR(opened.jail.refused.sentence, "sync db or its journal: Input/output error");
    FAILS(jail_file_methods.xFileSize(base, &size), SQLITE_IOERR_FSTAT);
    FAILS(jail_file_methods.xCheckReservedLock(base, &reserved), SQLITE_IOERR_LOCK);
    FAILS(jail_look_at_lock(opened.file.fd, 0, &type), SQLITE_IOERR_LOCK);
    FAILS(jail_lock(opened.file.fd, F_RDLCK, 0, 1, SQLITE_IOERR_SHMLOCK), SQLITE_IOERR_SHMLOCK);
    for (size_t number = 1; number <= 3; number++) {
        check_calls_fail(number);
        CHECK(lock(&opened, SQLITE_LOCK_SHARED) != SQLITE_OK && check_calls_end());
        CHECK_NUMBER(opened.file.lock, SQLITE_LOCK_NONE);
    }
    CHECK_NUMBER(unlock(&opened, SQLITE_LOCK_NONE), SQLITE_OK);
    CHECK_NUMBER(lock(&opened, SQLITE_LOCK_SHARED), SQLITE_OK);
    FAILS(lock(&opened, SQLITE_LOCK_RESERVED), SQLITE_IOERR_LOCK);
    CHECK_NUMBER(lock(&opened, SQLITE_LOCK_RESERVED), SQLITE_OK);
    FAILS(lock(&opened, SQLITE_LOCK_EXCLUSIVE), SQLITE_IOERR_LOCK);
    CHECK_NUMBER(lock(&opened, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    FAILS(unlock(&opened, SQLITE_LOCK_SHARED), SQLITE_IOERR_RDLOCK);
    CHECK_NUMBER(opened.file.lock, SQLITE_LOCK_EXCLUSIVE);
    check_calls_fail(2);
    CHECK_NUMBER(unlock(&opened, SQLITE_LOCK_SHARED), SQLITE_IOERR_UNLOCK);
    CHECK(check_calls_end());
    FAILS(unlock(&opened, SQLITE_LOCK_NONE), SQLITE_IOERR_UNLOCK);
    close_file(&opened);
    CHECK_NUMBER(lock(&other, SQLITE_LOCK_SHARED), SQLITE_OK);
    close_file(&other);
}

static void a_full_disk_is_full(void)
{
    struct opened opened;
    open_file(&opened);
    own_close(&opened.file.fd);
    opened.file.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    CHECK_NUMBER(jail_file_methods.xWrite(&opened.file.base, "x", 1, 0), SQLITE_FULL);
    close_file(&opened);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_writer_goes_through_the_locks_and_back),
        CASE(from_shared_to_exclusive_there_is_no_pending), CASE(what_is_behind_the_end_is_zero),
        CASE(a_still_file_has_no_log_and_must_not_change), CASE(a_file_that_was_replaced_has_moved),
        CASE(a_new_name_is_made_durable_once), CASE(each_call_that_fails_has_its_code),
        CASE(a_full_disk_is_full));
}
