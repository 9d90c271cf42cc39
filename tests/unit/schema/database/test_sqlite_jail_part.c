#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/database/sqlite_jail_part.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct sqlite_jail start(void)
{
    return (struct sqlite_jail){ .place = { .directory = check_directory(), .draft = -1 },
                                 .name = "db" };
}

/* Of an open that fails: SQLite's code. */
static int failure(struct sqlite_jail *jail, const char *name, int flags)
{
    cleanup(own_close) int fd = jail_open_part(jail, name, flags);
    return CHECK(fd < 0) ? jail_open_failed(fd) : SQLITE_OK;
}

static void what_somebody_put_there_is_not_tried_again(void)
{
    struct sqlite_jail jail = start();
    check_file("file", STR("x"));
    CHECK(mkfifoat(check_directory(), "fifo", 0644) == 0);
    CHECK(symlinkat("file", check_directory(), "link") == 0);
    CHECK_NUMBER(failure(&jail, "link", O_RDONLY), SQLITE_PERM);
    CHECK(jail.refused.sentence[0] != '\0');
    CHECK_NUMBER(failure(&jail, "fifo", O_RDONLY), SQLITE_PERM);
    CHECK_NUMBER(failure(&jail, "absent", O_RDONLY), SQLITE_CANTOPEN);
}

static void a_second_name_may_be_read_and_not_changed(void)
{
    struct sqlite_jail jail = start();
    check_file("db", STR("x"));
    CHECK(linkat(check_directory(), "db", check_directory(), "other", 0) == 0);
    cleanup(own_close) int fd = jail_open_part(&jail, "db", O_RDONLY);
    CHECK(fd >= 0);
    CHECK_NUMBER(jail_open_part(&jail, "db", O_RDWR), -EMLINK);
    CHECK_STR(str_from(jail.refused.sentence),
              "open db: it has 2 names (hard links), so a change would reach beyond the database; "
              "replace it with a copy");
}

static void what_is_made_has_the_mode_of_the_database(void)
{
    struct stat status;
    struct sqlite_jail jail = start();
    check_file("db", STR("x"));
    CHECK(fchmodat(check_directory(), "db", 0600, 0) == 0);
    CHECK(fstatat(check_directory(), "db", &jail.database, 0) == 0);
    cleanup(own_close) int fd = jail_open_part(&jail, "db-wal", O_RDWR | O_CREAT);
    if (CHECK(fd >= 0))
        CHECK(fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0600);
}

/* Another user can have renamed it. */
static void what_was_there_keeps_its_mode(void)
{
    struct stat status;
    struct sqlite_jail jail = start();
    check_file("db", STR("x"));
    check_file("db-wal", STR(""));
    CHECK(fchmodat(check_directory(), "db", 0666, 0) == 0);
    CHECK(fchmodat(check_directory(), "db-wal", 0600, 0) == 0);
    CHECK(fstatat(check_directory(), "db", &jail.database, 0) == 0);
    cleanup(own_close) int fd = jail_open_part(&jail, "db-wal", O_RDWR | O_CREAT);
    if (CHECK(fd >= 0))
        CHECK(fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0600);
}

static void locks_of_another_are_seen_and_are_busy(void)
{
    short type;
    check_file("db", STR("x"));
    cleanup(own_close) int one = openat(check_directory(), "db", O_RDWR | O_CLOEXEC);
    cleanup(own_close) int other = openat(check_directory(), "db", O_RDWR | O_CLOEXEC);
    CHECK_NUMBER(jail_lock(one, F_WRLCK, 7, 1, SQLITE_IOERR_LOCK), SQLITE_OK);
    CHECK_NUMBER(jail_look_at_lock(other, 7, &type), SQLITE_OK);
    CHECK_NUMBER(type, F_WRLCK);
    CHECK_NUMBER(jail_lock(other, F_RDLCK, 7, 1, SQLITE_IOERR_LOCK), SQLITE_BUSY);
    CHECK_NUMBER(jail_lock(other, F_RDLCK, 8, 1, SQLITE_IOERR_LOCK), SQLITE_OK);
    CHECK_NUMBER(jail_lock(one, F_UNLCK, 7, 1, SQLITE_IOERR_LOCK), SQLITE_OK);
    CHECK_NUMBER(jail_look_at_lock(other, 7, &type), SQLITE_OK);
    CHECK_NUMBER(type, F_UNLCK);
    CHECK_NUMBER(jail_lock(-1, F_RDLCK, 7, 1, SQLITE_IOERR_RDLOCK), SQLITE_IOERR_RDLOCK);
    CHECK_NUMBER(jail_look_at_lock(-1, 7, &type), SQLITE_IOERR_LOCK);
}

int main(void)
{
    return CHECK_ALL(CASE(what_somebody_put_there_is_not_tried_again),
                     CASE(a_second_name_may_be_read_and_not_changed),
                     CASE(what_is_made_has_the_mode_of_the_database),
                     CASE(what_was_there_keeps_its_mode),
                     CASE(locks_of_another_are_seen_and_are_busy));
}
