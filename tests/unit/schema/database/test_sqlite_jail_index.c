#include "tests/check.h"
#include "tests/check_calls.h"

#include "schema/base/own.h"
#include "schema/database/sqlite_jail_file.h"
#include "schema/database/sqlite_jail_index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { REGION = 32 << 10, NOBODY = 65534 };

/* A database "db" whose index is "db-shm"; the file itself is not needed. */
struct opened {
    struct sqlite_jail jail;
    struct jail_file file;
};

static void open_file(struct opened *opened)
{
    *opened = (struct opened){
        .jail = { .place = { .directory = check_directory(), .draft = -1 },
                  .name = "db",
                  .database = { .st_mode = 0644, .st_uid = getuid(), .st_gid = getgid() } },
        .file = { .base = { &jail_file_methods },
                  .jail = &opened->jail,
                  .fd = -1,
                  .index = { .fd = -1 } },
    };
    opened->jail.place.name = opened->jail.name;
}

static int map(struct opened *opened, int region, int extend, void volatile **ret_memory)
{
    return jail_index_map(&opened->file.base, region, REGION, extend, ret_memory);
}

static void unmap(struct opened *opened, int remove)
{
    CHECK_NUMBER(jail_index_unmap(&opened->file.base, remove), SQLITE_OK);
    CHECK_NUMBER(opened->file.index.fd, -1);
}

static off_t size_of(const char *name)
{
    struct stat status;
    return fstatat(check_directory(), name, &status, 0) == 0 ? status.st_size : -1;
}

/* With so many regions, in pages of this system. */
static off_t file_bytes(off_t regions)
{
    return jail_index_bytes(regions * REGION, (size_t)sysconf(_SC_PAGESIZE));
}

static void all_who_have_it_share_one_memory(void)
{
    void volatile *first = NULL, *second = NULL, *third = NULL;
    struct opened one, two;
    open_file(&one);
    open_file(&two);
    CHECK_NUMBER(map(&one, 0, 0, &first), SQLITE_OK);
    CHECK(first == NULL);
    CHECK_NUMBER(size_of("db-shm"), 3);
    CHECK_NUMBER(map(&one, 0, 1, &first), SQLITE_OK);
    CHECK_NUMBER(size_of("db-shm"), file_bytes(1));
    CHECK_NUMBER(map(&two, 0, 0, &second), SQLITE_OK);
    if (!CHECK(first && second && first != second))
        return;
    *(volatile char *)first = 'x';
    jail_index_barrier(&one.file.base);
    CHECK_NUMBER(*(volatile char *)second, 'x');
    CHECK_NUMBER(map(&two, 2, 1, &third), SQLITE_OK);
    CHECK_NUMBER(size_of("db-shm"), file_bytes(3));
    CHECK_NUMBER((volatile char *)third - (volatile char *)second, 2 * REGION);
    unmap(&two, 0);
    CHECK_NUMBER(size_of("db-shm"), file_bytes(3));
    unmap(&one, 1);
    CHECK_NUMBER(size_of("db-shm"), -1);
}

/* Pages of x86-64 have 4 KiB; those of aarch64 have 4, 16 or 64. */
static void the_file_ends_with_a_page_of_memory(void)
{
    static const struct {
        off_t end;
        size_t page_bytes;
        off_t size_bytes;
    } rows[] = {
        { REGION, 4 << 10, REGION },
        { 3 * REGION, 16 << 10, 3 * REGION },
        { REGION, 64 << 10, 2 * REGION },
        { 2 * REGION, 64 << 10, 2 * REGION },
        { 3 * REGION, 64 << 10, 4 * REGION },
        { SQLITE_JAIL_INDEX_BYTES_MAX, 64 << 10, SQLITE_JAIL_INDEX_BYTES_MAX },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("row %zu", i);
        CHECK_NUMBER(jail_index_bytes(rows[i].end, rows[i].page_bytes), rows[i].size_bytes);
    }
}

static void what_a_crash_left_is_emptied_by_the_first_alone(void)
{
    void volatile *memory = NULL;
    struct opened one, two;
    cleanup(own_close) int left =
        openat(check_directory(), "db-shm", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    CHECK(ftruncate(left, REGION) == 0 && pwrite(left, "old", 3, 100) == 3);
    open_file(&one);
    open_file(&two);
    CHECK_NUMBER(map(&one, 0, 1, &memory), SQLITE_OK);
    CHECK_NUMBER(((volatile char *)memory)[100], 0);
    ((volatile char *)memory)[100] = 'n';
    CHECK_NUMBER(map(&two, 0, 1, &memory), SQLITE_OK);
    CHECK_NUMBER(((volatile char *)memory)[100], 'n');
    unmap(&one, 0);
    unmap(&two, 0);
}

static void more_than_the_limit_is_refused(void)
{
    void volatile *memory = NULL;
    struct opened one;
    open_file(&one);
    CHECK_NUMBER(map(&one, SQLITE_JAIL_INDEX_BYTES_MAX / REGION, 1, &memory), SQLITE_IOERR_SHMSIZE);
    CHECK(memory == NULL);
    CHECK_NUMBER(map(&one, SQLITE_JAIL_INDEX_BYTES_MAX / REGION - 1, 1, &memory), SQLITE_OK);
    unmap(&one, 1);
}

static void locks_are_shared_or_of_one(void)
{
    const int shared = SQLITE_SHM_LOCK | SQLITE_SHM_SHARED, unlock = SQLITE_SHM_UNLOCK;
    const int exclusive = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
    void volatile *memory;
    struct opened one, two;
    open_file(&one);
    open_file(&two);
    CHECK_NUMBER(jail_index_lock(&one.file.base, 0, 1, shared), SQLITE_IOERR_SHMLOCK);
    CHECK_NUMBER(map(&one, 0, 1, &memory), SQLITE_OK);
    CHECK_NUMBER(map(&two, 0, 1, &memory), SQLITE_OK);
    CHECK_NUMBER(jail_index_lock(&one.file.base, 3, 1, shared), SQLITE_OK);
    CHECK_NUMBER(jail_index_lock(&two.file.base, 3, 1, shared), SQLITE_OK);
    CHECK_NUMBER(jail_index_lock(&two.file.base, 0, SQLITE_SHM_NLOCK, exclusive), SQLITE_BUSY);
    CHECK_NUMBER(jail_index_lock(&two.file.base, 4, 4, exclusive), SQLITE_OK);
    CHECK_NUMBER(jail_index_lock(&one.file.base, 7, 1, shared), SQLITE_BUSY);
    CHECK_NUMBER(jail_index_lock(&two.file.base, 4, 4, unlock | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
    CHECK_NUMBER(jail_index_lock(&one.file.base, 7, 1, shared), SQLITE_OK);
    unmap(&one, 0);
    CHECK_NUMBER(jail_index_lock(&two.file.base, 0, SQLITE_SHM_NLOCK, exclusive), SQLITE_OK);
    unmap(&two, 1);
}

/* Root may write anything, so this is somebody else. */
static void who_may_only_read_waits_for_a_writer(void)
{
    void volatile *memory = NULL;
    struct opened writer, reader;
    if (getuid() != 0) {
        check_skip("only root can become another user");
        return;
    }
    open_file(&writer);
    open_file(&reader);
    CHECK(fchmod(check_directory(), 0755) == 0);
    CHECK_NUMBER(map(&writer, 0, 1, &memory), SQLITE_OK);
    unmap(&writer, 0);
    CHECK(seteuid(NOBODY) == 0);
    CHECK_NUMBER(map(&reader, 0, 0, &memory), SQLITE_READONLY_CANTINIT);
    CHECK(memory == NULL && reader.file.index.is_read_only && reader.file.index.is_waiting);
    CHECK_NUMBER(map(&reader, 0, 0, &memory), SQLITE_READONLY_CANTINIT);
    CHECK(seteuid(0) == 0);
    CHECK_NUMBER(map(&writer, 0, 1, &memory), SQLITE_OK);
    *(volatile char *)memory = 'w';
    CHECK(seteuid(NOBODY) == 0);
    CHECK_NUMBER(map(&reader, 0, 0, &memory), SQLITE_READONLY);
    CHECK(memory && *(volatile char *)memory == 'w');
    CHECK(seteuid(0) == 0);
    unmap(&reader, 0);
    unmap(&writer, 1);
}

static void the_first_look_of_another_is_busy(void)
{
    void volatile *memory = NULL;
    struct opened one;
    cleanup(own_close) int other =
        openat(check_directory(), "db-shm", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    /* The "dead man's switch": byte 128, see walformat.html. */
    struct flock held = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 128, .l_len = 1 };
    CHECK(fcntl(other, F_OFD_SETLK, &held) == 0);
    open_file(&one);
    CHECK_NUMBER(map(&one, 0, 1, &memory), SQLITE_BUSY);
    CHECK(memory == NULL);
    CHECK_NUMBER(one.file.index.fd, -1);
}

static void what_is_no_file_is_not_mapped(void)
{
    void volatile *memory = NULL;
    struct opened one;
    open_file(&one);
    CHECK(symlinkat("elsewhere", check_directory(), "db-shm") == 0);
    CHECK_NUMBER(map(&one, 0, 1, &memory), SQLITE_PERM);
    CHECK_REFUSED(sqlite_jail_check(&one.jail, check_error),
                  "open db-shm: it is a symbolic link, not a regular file; remove it");
}

static void each_call_that_fails_is_an_error_and_nothing_is_kept(void)
{
    bool has_failed = true;
    size_t failures = 0, emptied = 0, written = 0, mapped = 0;
    for (size_t number = 1; has_failed; number++) {
        void volatile *memory = NULL;
        struct opened one;
        check_about("call %zu", number);
        open_file(&one);
        check_calls_fail_with(number, ENOSPC);
        int code = map(&one, 0, 1, &memory);
        has_failed = check_calls_end();
        CHECK((code == SQLITE_OK) == (memory != NULL));
        failures += code != SQLITE_OK;
        struct str sentence = str_from(one.jail.refused.sentence);
        emptied += str_equal(sentence, STR("empty db-shm: No space left on device"));
        written += str_equal(sentence, STR("write db-shm: No space left on device"));
        mapped += str_equal(sentence, STR("map db-shm: No space left on device"));
        unmap(&one, 1);
    }
    /* Of openat, fcntl, ftruncate, fstat, pwrite and mmap at least. */
    CHECK(failures >= 6);
    CHECK(emptied == 1 && written > 1 && mapped == 1);
}

int main(void)
{
    return CHECK_ALL(
        CASE(all_who_have_it_share_one_memory), CASE(the_file_ends_with_a_page_of_memory),
        CASE(what_a_crash_left_is_emptied_by_the_first_alone), CASE(more_than_the_limit_is_refused),
        CASE(locks_are_shared_or_of_one), CASE(who_may_only_read_waits_for_a_writer),
        CASE(the_first_look_of_another_is_busy), CASE(what_is_no_file_is_not_mapped),
        CASE(each_call_that_fails_is_an_error_and_nothing_is_kept));
}
