#include "tests/check_store.h"

#include "regd/collector.h"
#include "schema/base/own.h"

#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>

static struct command command_of(struct arena *arena)
{
    return (struct command){ .store = check_store(arena), .collector = -1, .arena = arena };
}

static void release(const struct command *command)
{
    own_close(&command->collector);
    check_store_close(&command->store);
}

/* Can a collector begin? */
static bool is_free(void)
{
    cleanup(own_close) int lock = openat(check_directory(), "state/gc.lock", O_RDWR | O_CLOEXEC);
    return CHECK(lock >= 0) && flock(lock, LOCK_EX | LOCK_NB) == 0;
}

static void the_lock_is_made_and_kept(struct arena arena)
{
    struct stat status = { 0 };
    cleanup(release) struct command command = command_of(&arena);
    CHECK_DONE(collector_hold(&command, check_error));
    CHECK(fstatat(check_directory(), "state/gc.lock", &status, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0600);
    CHECK(!is_free());
    int held = command.collector;
    CHECK_DONE(collector_hold(&command, check_error));
    CHECK_NUMBER(command.collector, held);
    own_close(&command.collector);
    command.collector = -1;
    CHECK(is_free());
}

static void readers_share_it(struct arena arena)
{
    cleanup(release) struct command first = command_of(&arena);
    cleanup(release) struct command second = command_of(&arena);
    CHECK_DONE(collector_hold(&first, check_error));
    CHECK_DONE(collector_hold_to_read(&second, check_error));
    CHECK(second.collector >= 0);
}

static void who_only_reads_does_without(struct arena arena)
{
    cleanup(release) struct command command = command_of(&arena);
    CHECK_DONE(collector_hold_to_read(&command, check_error));
    CHECK_NUMBER(command.collector, -1);
    check_make_directory("state");
    CHECK_DONE(collector_hold_to_read(&command, check_error));
    CHECK_NUMBER(command.collector, -1);
    CHECK(faccessat(check_directory(), "state/gc.lock", F_OK, 0) < 0);
    CHECK(symlinkat("elsewhere", check_directory(), "state/gc.lock") == 0);
    CHECK_DONE(collector_hold_to_read(&command, check_error));
    CHECK_NUMBER(command.collector, -1);
}

static void what_is_no_file_is_refused(struct arena arena)
{
    cleanup(release) struct command command = command_of(&arena);
    check_make_directory("state");
    CHECK(symlinkat("elsewhere", check_directory(), "state/gc.lock") == 0);
    CHECK_REFUSED(collector_hold(&command, check_error),
                  "keep the garbage collector of /state away: gc.lock is not a file");
    CHECK(unlinkat(check_directory(), "state/gc.lock", 0) == 0);
    CHECK(mkfifoat(check_directory(), "state/gc.lock", 0600) == 0);
    CHECK_REFUSED(collector_hold(&command, check_error),
                  "keep the garbage collector of /state away: gc.lock is not a file");
    CHECK_NUMBER(command.collector, -1);
}

static void a_state_directory_that_cannot_be_made_is_named(struct arena arena)
{
    cleanup(release) struct command command = command_of(&arena);
    check_file("state", STR(""));
    CHECK_REFUSED(collector_hold(&command, check_error),
                  "create the directory /state: Not a directory");
}

/* A collection that ends while it is waited for, once the wait was told. */
static void *collect(void *lock)
{
    struct stat told = { 0 };
    while (fstat(STDERR_FILENO, &told) == 0 && told.st_size == 0)
        sched_yield();
    close(*(int *)lock);
    return NULL;
}

static void a_collection_is_waited_for_with_a_word(struct arena arena)
{
    pthread_t collector;
    cleanup(release) struct command command = command_of(&arena);
    check_file("state/gc.lock", STR(""));
    int lock = openat(check_directory(), "state/gc.lock", O_RDWR | O_CLOEXEC);
    CHECK(flock(lock, LOCK_EX) == 0);
    struct check_output output = check_keep(STDERR_FILENO);
    CHECK(pthread_create(&collector, NULL, collect, &lock) == 0);
    CHECK_DONE(collector_hold(&command, check_error));
    pthread_join(collector, NULL);
    struct str told = check_kept(&output, &arena);
    CHECK_STR(told, "regd: waiting for the garbage collector's lock, which another process uses\n");
    CHECK(!is_free());
}

int main(void)
{
    return CHECK_ALL(CASE(the_lock_is_made_and_kept), CASE(readers_share_it),
                     CASE(who_only_reads_does_without), CASE(what_is_no_file_is_refused),
                     CASE(a_state_directory_that_cannot_be_made_is_named),
                     CASE(a_collection_is_waited_for_with_a_word));
}
